"""`edgemed quantize`: types, bytes, metadata, shards, importances, refusals; llama.cpp reads it."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_native import libggml
from edgemed_native.codecs import CODECS, encode_rows
from numpy.typing import NDArray

from edgemed.cli.main import main
from edgemed.gguf import open_model
from tests.edgemed.gguf_files import TensorSpec, write_gguf
from tests.oracles.llama_nll import mean_nll

needs_libggml = pytest.mark.skipif(libggml.find() is None, reason="llama-cpp-python is absent")

METADATA: dict[str, tuple[str, Any]] = {
    "general.architecture": ("string", "clip"),  # of which nothing is asked
    "general.file_type": ("uint32", 0),
    "clip.block_count": ("uint32", 2),
    "clip.attention.head_count": ("uint32", 4),
    "quantize.imatrix.file": ("string", "of another life"),
}
SHAPES = {
    "token_embd.weight": (64, 6),
    "blk.0.attn_v.weight": (64, 8),
    "blk.0.attn_norm.weight": (64,),
    "blk.0.ffn_down.weight": (48, 8),
    "blk.1.attn_v.weight": (64, 8),
    "blk.1.ffn_down_exps.weight": (64, 4, 3),
    "output.weight": (64, 6),
}


def numbers(name: str) -> NDArray[np.float32]:
    shape = SHAPES[name]
    seed = list(SHAPES).index(name)
    return np.random.default_rng(seed).standard_normal(shape[::-1]).astype(np.float32)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    tensors: dict[str, TensorSpec] = {
        name: ("F32", shape, numbers(name).tobytes()) for name, shape in SHAPES.items()
    }
    return write_gguf(tmp_path / "in.gguf", METADATA, tensors)


def quantize(source: Path, *words: str, to: str = "out.gguf") -> Path:
    out = source.with_name(to)
    assert main(["quantize", str(source), str(out), *words]) == 0
    return out


def refused(capsys: pytest.CaptureFixture[str], source: Path, *words: str) -> str:
    """What is printed, after an exit code of usage or refusal; nothing may be left behind."""
    before = sorted(source.parent.iterdir())
    assert main(["quantize", str(source), str(source.with_name("out.gguf")), *words]) in (2, 3)
    assert sorted(source.parent.iterdir()) == before
    return capsys.readouterr().err


def types_in(path: Path) -> dict[str, str]:
    return {name: tensor.type.name for name, tensor in open_model(path).tensors.items()}


def bytes_of(path: Path, name: str) -> bytes:
    tensor = open_model(path).tensors[name]
    return tensor.path.read_bytes()[tensor.offset : tensor.offset + tensor.nbytes]


def packed(name: str, type: str, weights: NDArray[np.float32] | None = None) -> bytes:
    x = numbers(name).reshape(-1, SHAPES[name][0])
    out = np.zeros((len(x), CODECS[type].type.row_bytes(x.shape[1])), np.uint8)
    encode_rows(type, x, out, weights)
    return out.tobytes()


def test_a_mix_gives_every_tensor_its_type_and_bytes(source: Path) -> None:
    out = quantize(source, "--out-type", "Q4_0")
    assert types_in(out) == {
        "token_embd.weight": "Q4_0",
        "blk.0.attn_v.weight": "Q4_0",
        "blk.0.attn_norm.weight": "F32",
        "blk.0.ffn_down.weight": "F16",  # rows of 48 fill no blocks
        "blk.1.attn_v.weight": "Q4_0",
        "blk.1.ffn_down_exps.weight": "Q4_0",
        "output.weight": "Q8_0",  # Q6_K's blocks are too long
    }
    for name, type in types_in(out).items():
        assert bytes_of(out, name) == packed(name, type)


def test_metadata_says_what_is_true(source: Path) -> None:
    metadata = open_model(quantize(source, "--out-type", "q5_0")).metadata
    assert metadata["general.file_type"] == 8
    assert metadata["general.quantization_version"] == 2
    assert "quantize.imatrix.file" not in metadata
    assert metadata["clip.block_count"] == 2


def test_patterns_go_before_the_type_and_the_first_counts(source: Path) -> None:
    words = (
        "--out-type",
        "Q4_0",
        "--tensor-type",
        r"blk\.1.*v\.=Q8_0",
        "--tensor-type",
        "attn_v=Q5_0",
    )
    found = types_in(quantize(source, *words))
    assert found["blk.1.attn_v.weight"] == "Q8_0"
    assert found["blk.0.attn_v.weight"] == "Q5_0"


def test_a_type_the_most_weights_have_names_the_file(source: Path) -> None:
    out = quantize(source, "--out-type", "Q4_0", "--tensor-type", ".=Q8_0")
    assert open_model(out).metadata["general.file_type"] == 7


def test_threads_do_not_change_a_byte(source: Path) -> None:
    one = quantize(source, "--out-type", "Q4_0", "--threads", "1", to="one.gguf")
    many = quantize(source, "--out-type", "Q4_0", "--threads", "7", to="many.gguf")
    assert one.read_bytes() == many.read_bytes()


def test_a_dry_run_writes_nothing(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = quantize(source, "--out-type", "Q4_0", "--dry-run")
    assert not out.exists()
    printed = capsys.readouterr().out
    planned = int(printed.split("out.gguf: ")[1].split(" bytes")[0].replace(",", ""))
    assert quantize(source, "--out-type", "Q4_0").stat().st_size == planned
    assert "5 x Q4_0" not in printed and "4 x Q4_0" in printed


def split_model(folder: Path) -> Path:
    """The tensors in two files, as llama.cpp splits them; the first of the two."""
    names = list(SHAPES)
    for number, group in enumerate((names[:4], names[4:])):
        keys: dict[str, tuple[str, Any]] = {
            "split.no": ("uint16", number),
            "split.count": ("uint16", 2),
            "split.tensors.count": ("int32", len(names)),
        }
        tensors: dict[str, TensorSpec] = {
            n: ("F32", SHAPES[n], numbers(n).tobytes()) for n in group
        }
        path = folder / f"in-{number + 1:05d}-of-00002.gguf"
        write_gguf(path, (METADATA if number == 0 else {}) | keys, tensors)
    return folder / "in-00001-of-00002.gguf"


def test_a_split_model_becomes_one_file(source: Path) -> None:
    whole = quantize(source, "--out-type", "Q4_0", to="whole.gguf")
    joined = quantize(split_model(source.parent), "--out-type", "Q4_0", to="joined.gguf")
    assert types_in(joined) == types_in(whole)
    assert all(bytes_of(joined, name) == bytes_of(whole, name) for name in SHAPES)
    ours, theirs = open_model(joined).metadata, open_model(whole).metadata
    keys = [key for key in theirs if not key.startswith("edgemed.quantize.")]
    assert [key for key in ours if not key.startswith("edgemed.quantize.")] == keys
    assert all(ours.raw(key) == theirs.raw(key) for key in keys)


def test_a_split_can_be_kept(source: Path) -> None:
    whole = quantize(source, "--out-type", "Q4_0", to="whole.gguf")
    quantize(split_model(source.parent), "--out-type", "Q4_0", "--keep-split")
    first = source.with_name("out-00001-of-00002.gguf")
    model = open_model(first)
    assert len(model.paths) == 2
    assert types_in(first) == types_in(whole)
    for name in SHAPES:
        assert bytes_of(first, name) == bytes_of(whole, name)


def matrix_file(
    path: Path,
    entries: dict[str, NDArray[np.float32]],
    count: float = 4,
    dataset: str = "notes.txt",
) -> Path:
    """An importance matrix whose means are `entries`, f32[matrices, columns]."""
    tensors: dict[str, TensorSpec] = {}
    for name, means in entries.items():
        counts = np.full(len(means), count, np.float32)
        sums = (means * count).astype(np.float32)
        tensors[f"{name}.in_sum2"] = ("F32", means.shape[::-1], sums.tobytes())
        tensors[f"{name}.counts"] = ("F32", (1, len(means)), counts.tobytes())
    metadata: dict[str, tuple[str, Any]] = {
        "general.type": ("string", "imatrix"),
        "imatrix.datasets": ("string[]", [dataset]),
        "imatrix.chunk_count": ("uint32", 3),
        "imatrix.chunk_size": ("uint32", 512),
    }
    return write_gguf(path, metadata, tensors)


def means(seed: int, matrices: int = 1, columns: int = 64) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((matrices, columns)).astype(np.float32) * 8


@needs_libggml
def test_importances_reach_every_expert_and_the_metadata(source: Path) -> None:
    name, experts = "blk.1.ffn_down_exps.weight", means(2, 3)
    matrix = matrix_file(source.with_name("m.gguf"), {name: experts})
    out = quantize(source, "--out-type", "Q4_1", "--imatrix", str(matrix))
    x = numbers(name)
    wanted = np.zeros((3, 4, 40), np.uint8)
    for expert in range(3):
        encode_rows("Q4_1", x[expert], wanted[expert], experts[expert])
    assert bytes_of(out, name) == wanted.tobytes() != packed(name, "Q4_1")
    metadata = open_model(out).metadata
    assert metadata["quantize.imatrix.file"] == "m.gguf"
    assert metadata["quantize.imatrix.dataset"] == "notes.txt"
    assert metadata["quantize.imatrix.entries_count"] == 1
    assert metadata["quantize.imatrix.chunks_count"] == 3


@needs_libggml
def test_importances_of_zero_say_nothing(source: Path) -> None:
    name = "blk.1.attn_v.weight"
    matrix = matrix_file(source.with_name("m.gguf"), {name: np.zeros((1, 64), np.float32)})
    out = quantize(source, "--out-type", "Q4_1", "--imatrix", str(matrix))
    assert bytes_of(out, name) == packed(name, "Q4_1")


@pytest.mark.parametrize(
    "words, said",
    [
        (["--out-type", "Q9_9"], "'Q9_9' is not a type"),
        (["--out-type", "Q4_0", "--tensor-type", "attn_v"], "is not REGEX=TYPE"),
        (["--out-type", "Q4_0", "--tensor-type", "attn_v=Q4_K_M"], "'Q4_K_M' is not a type"),
        (["--out-type", "Q4_0", "--tensor-type", "(=Q8_0"], "is not a regular expression"),
        (["--out-type", "Q4_0", "--tensor-type", "attn_x=Q8_0"], "matches no matrix"),
        (["--out-type", "I8"], "I8 has no encoder"),
        (["--out-type", "Q4_0", "--imatrix", "nowhere.gguf"], "there is no file nowhere.gguf"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    source: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in refused(capsys, source, *words)


def test_neither_the_input_nor_an_existing_file_is_overwritten(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = source.read_bytes()
    assert main(["quantize", str(source), str(source), "--out-type", "Q8_0", "--force"]) == 3
    source.with_name("out.gguf").write_text("mine")
    assert "exists already" in refused(capsys, source, "--out-type", "Q8_0")
    assert source.read_bytes() == before
    quantize(source, "--out-type", "Q8_0", "--force")


def test_a_matrix_of_another_model_is_refused(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    matrix = matrix_file(source.with_name("m.gguf"), {"output.weight": means(1, columns=32)})
    said = refused(capsys, source, "--out-type", "Q4_0", "--imatrix", str(matrix))
    assert "the importance matrix" in said


def test_infinite_weights_stop_the_work(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = bytearray(source.read_bytes())
    tensor = open_model(source).tensors["blk.1.attn_v.weight"]
    raw[tensor.offset : tensor.offset + 4] = np.float32(np.inf).tobytes()
    source.write_bytes(raw)
    assert (
        main(["quantize", str(source), str(source.with_name("out.gguf")), "--out-type", "Q8_0"])
        == 1
    )
    assert "NaN or infinity" in capsys.readouterr().err
    assert list(source.parent.iterdir()) == [source]


@cache
def nll_of(source: Path) -> float:
    return mean_nll(source)


THEIRS = """
import ctypes, sys, llama_cpp
source, out, number = sys.argv[1:]
llama_cpp.llama_log_set(ctypes.cast(None, llama_cpp.llama_log_callback), None)
options = llama_cpp.llama_model_quantize_default_params()
options.ftype = int(number)
sys.exit(llama_cpp.llama_model_quantize(source.encode(), out.encode(), ctypes.byref(options)))
"""


@needs_libggml
@pytest.mark.parametrize("mix, number", [("Q4_0", 2), ("Q8_0", 7), ("IQ4_NL", 25)])
def test_llama_cpp_chooses_the_same_types_and_scores_the_file(
    data: Path, tmp_path: Path, mix: str, number: int
) -> None:
    source = data / "models" / "stories260k" / "stories260K.gguf"
    theirs, ours = tmp_path / "theirs.gguf", tmp_path / "ours.gguf"
    words = [sys.executable, "-c", THEIRS, str(source), str(theirs), str(number)]
    subprocess.run(words, check=True, capture_output=True)
    assert main(["quantize", str(source), str(ours), "--out-type", mix]) == 0
    assert types_in(ours) == types_in(theirs)
    ours_of, theirs_of = open_model(ours).metadata, open_model(theirs).metadata
    assert ours_of["general.file_type"] == theirs_of["general.file_type"] == number
    assert abs(mean_nll(ours) - nll_of(source)) < {"Q8_0": 0.02}.get(mix, 0.2)


EPSILON = "llama.attention.layer_norm_rms_epsilon"


def widened(source: Path, out: Path) -> Path:
    """The same model with zeros around its weights, so that rows are 256 long: it scores alike.

    A root mean square over four times as many numbers, the new ones 0, is half as large: norms are
    halved, and the epsilon under the root is a quarter.
    """
    model = open_model(source)
    metadata = {k: (model.metadata.type_of(k), model.metadata[k]) for k in model.metadata}
    metadata |= {
        "llama.embedding_length": ("uint32", 256),
        "llama.feed_forward_length": ("uint32", 256),
        "llama.attention.key_length": ("uint32", 8),
        "llama.attention.value_length": ("uint32", 8),
        EPSILON: ("float32", model.metadata[EPSILON] / 4),
    }
    sizes, tensors = {64: 256, 172: 256}, {}
    for name, tensor in model.tensors.items():
        x = np.frombuffer(bytes_of(source, name), np.float32).reshape(tensor.shape[::-1])
        shape = [sizes.get(n, n) for n in x.shape]
        if any(part in name for part in ("attn_q", "attn_k.", "attn_v")):
            shape[0] = len(x)  # as many as the heads have
        if "attn_output" in name:
            shape[1] = x.shape[1]
        wide = np.zeros(shape, np.float32)
        wide[tuple(slice(n) for n in x.shape)] = x / 2 if "norm" in name else x
        tensors[name] = ("F32", wide.shape[::-1], wide.tobytes())
    return write_gguf(out, metadata, tensors)


@needs_libggml
@pytest.mark.parametrize(
    "mix, number, worse",
    [("Q4_K_M", 15, 0.1), ("IQ4_XS", 30, 0.15), ("Q2_K", 10, 1.5)],  # 260 K weights: 2 bits hurt
)
def test_long_blocks_load_and_score_in_llama_cpp(
    data: Path, tmp_path: Path, mix: str, number: int, worse: float
) -> None:
    source = data / "models" / "stories260k" / "stories260K.gguf"
    wide = widened(source, tmp_path / "wide.gguf")
    theirs, ours = tmp_path / "theirs.gguf", tmp_path / "ours.gguf"
    words = [sys.executable, "-c", THEIRS, str(wide), str(theirs), str(number)]
    subprocess.run(words, check=True, capture_output=True)
    assert main(["quantize", str(wide), str(ours), "--out-type", mix]) == 0
    assert types_in(ours) == types_in(theirs)
    assert mean_nll(ours) - nll_of(source) < worse


@needs_libggml
def test_the_wide_model_scores_as_the_narrow_one(data: Path, tmp_path: Path) -> None:
    source = data / "models" / "stories260k" / "stories260K.gguf"
    wide = widened(source, tmp_path / "wide.gguf")
    assert abs(mean_nll(wide) - nll_of(source)) < 1e-4
