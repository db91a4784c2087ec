"""The reader: what it decodes, where it finds tensors, and what it tolerates."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from edgemed_native.ggml_types import TYPES

from edgemed.gguf import Metadata, open_model
from edgemed.gguf.cursor import Cursor
from tests.edgemed.gguf_files import (
    METADATA,
    TENSORS,
    assemble,
    element,
    gguf_bytes,
    pair,
    row,
    small_model,
    string,
    value,
    write_gguf,
)


@pytest.fixture
def metadata(tmp_path: Path) -> Metadata:
    return open_model(small_model(tmp_path / "small.gguf")).metadata


def test_values_come_out_as_python_and_numpy_values(metadata: Metadata) -> None:
    assert metadata["general.architecture"] == "llama"
    assert metadata["general.license"] == ""
    assert metadata["llama.context_length"] == 2048
    assert metadata["tokenizer.ggml.add_bos_token"] is True
    assert metadata["tokenizer.ggml.tokens"] == ["a", "", "ü", "<end>"]
    assert metadata["general.tags"] == []
    scores = metadata["tokenizer.ggml.scores"]
    assert scores.dtype == np.float32 and scores.tolist() == [0.0, -1.0, -2.5, 0.125]
    assert not scores.flags.writeable


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("uint8", 255), ("int8", -128), ("uint16", 65535), ("int16", -32768), ("uint32", 2**32 - 1),
        ("int32", -(2**31)), ("uint64", 2**64 - 1), ("int64", -(2**63)), ("float32", 0.5),
        ("float64", 0.1), ("bool", False), ("string", "né\n\0"), ("bool[]", [True, False, True]),
        ("uint8[]", [0, 255]), ("int8[]", [-128, 127]), ("uint16[]", [0, 65535]),
        ("int16[]", [-32768]), ("uint32[]", []), ("int32[]", [-1]), ("uint64[]", [2**64 - 1]),
        ("int64[]", [-(2**63)]), ("float32[]", [0.5, -0.0]), ("float64[]", [0.1]),
        ("string[]", ["", "x", "\0"]),
    ],
)  # fmt: skip
def test_every_kind_of_value_is_read_as_written(tmp_path: Path, kind: str, content: object) -> None:
    path = write_gguf(tmp_path / "one.gguf", {"key": (kind, content)}, {})
    metadata = open_model(path).metadata
    assert metadata.type_of("key") == kind
    found = metadata["key"]
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == content
    assert metadata.raw("key") == value(kind, content)


def test_bytes_that_are_not_utf8_survive_in_a_value(tmp_path: Path) -> None:
    token = b"\xe2\x82"
    path = tmp_path / "bytes.gguf"
    path.write_bytes(assemble([string("t") + value("string[]", [token])]))
    assert open_model(path).metadata["t"][0].encode("utf-8", "surrogateescape") == token


def test_metadata_is_a_mapping_in_the_files_order(metadata: Metadata) -> None:
    assert list(metadata) == list(METADATA)
    assert len(metadata) == len(METADATA)
    assert "general.name" in metadata and "no.such.key" not in metadata
    assert metadata.get("no.such.key") is None
    with pytest.raises(KeyError):
        metadata["no.such.key"]


def test_lengths_are_known_without_decoding(metadata: Metadata) -> None:
    assert metadata.length_of("tokenizer.ggml.tokens") == 4
    assert metadata.length_of("general.tags") == 0
    assert metadata.length_of("general.architecture") == len("llama")
    assert metadata.length_of("llama.context_length") == 1


def test_tensors_point_at_their_bytes(tmp_path: Path) -> None:
    path = small_model(tmp_path / "small.gguf")
    model = open_model(path)
    assert list(model.tensors) == list(TENSORS)
    for name, (type_name, shape, raw) in TENSORS.items():
        tensor = model.tensors[name]
        assert (tensor.type.name, tensor.shape, tensor.path) == (type_name, tuple(shape), path)
        assert path.read_bytes()[tensor.offset : tensor.offset + tensor.nbytes] == raw
    experts = model.tensors["blk.0.ffn_up_exps.weight"]
    assert (experts.row_length, experts.rows, experts.row_bytes) == (5, 6, 10)
    assert model.weights == 128 + 32 + 96 + 30


def test_a_tensor_without_dimensions_is_one_weight(tmp_path: Path) -> None:
    tensor = open_model(write_gguf(tmp_path / "s.gguf", {}, {"s": ("F32", (), bytes(4))})).tensors[
        "s"
    ]
    assert (tensor.shape, tensor.row_length, tensor.rows, tensor.nbytes) == ((), 1, 1, 4)


@pytest.mark.parametrize("type", TYPES, ids=lambda t: t.name)
def test_every_type_of_the_table_is_sized_by_its_blocks(tmp_path: Path, type) -> None:  # type: ignore[no-untyped-def]
    spec = (type.name, (2 * type.block, 3), bytes(6 * type.nbytes))
    tensor = open_model(write_gguf(tmp_path / "t.gguf", {}, {"t": spec})).tensors["t"]
    assert (tensor.nbytes, tensor.row_bytes) == (6 * type.nbytes, 2 * type.nbytes)


def test_version_2_and_other_alignments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "v2.gguf"
    pairs = [pair("general.alignment", "uint32", 8)]
    path.write_bytes(assemble(pairs, [row("w", (3,), "F32", 0)], bytes(12), version=2, alignment=8))
    model = open_model(path)
    assert (model.version, model.alignment) == (2, 8)
    assert model.tensors["w"].offset % 8 == 0


def test_padding_behind_the_last_tensor_may_be_there_or_not(tmp_path: Path) -> None:
    path = tmp_path / "pad.gguf"
    for padding in (0, 1, 20):
        path.write_bytes(assemble([], [row("w", (3,), "F32", 0)], bytes(12 + padding)))
        assert open_model(path).tensors["w"].nbytes == 12


def test_a_vocabulary_without_tensors_is_a_model(tmp_path: Path) -> None:
    path = tmp_path / "vocab.gguf"
    whole = assemble([pair("tokenizer.ggml.tokens", "string[]", ["a", "b"])])
    for raw in (whole, whole.rstrip(b"\0")):
        path.write_bytes(raw)
        assert open_model(path).tensors == {}


def test_a_header_longer_than_the_first_read_is_read_whole(tmp_path: Path) -> None:
    tokens = [f"token {n}" for n in range(100_000)]
    path = write_gguf(tmp_path / "long.gguf", {"t": ("string[]", tokens), "end": ("uint8", 7)}, {})
    metadata = open_model(path).metadata
    assert metadata["t"] == tokens and metadata["end"] == 7


def test_a_sibling_with_the_same_vocabulary_reads_the_same_and_walks_no_strings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"t": ("string[]", [f"token {n}" for n in range(9_000)]), "end": ("uint8", 7)}
    a = write_gguf(tmp_path / "a.gguf", keys, TENSORS)
    b = write_gguf(tmp_path / "b.gguf", {"own": ("string", "b"), **keys}, TENSORS)
    alone = open_model(b)

    def refuse(*args: object) -> None:
        raise AssertionError("the strings were walked again")

    first = open_model(a)
    monkeypatch.setattr(Cursor, "skip_strings", refuse)
    beside = open_model(b, first)
    assert dict(beside.metadata) == dict(alone.metadata) and beside.tensors == alone.tensors


def test_tensors_may_lie_in_any_order_and_apart(tmp_path: Path) -> None:
    path = tmp_path / "apart.gguf"
    rows = [row("late", (4,), "F32", 96), row("early", (4,), "F32", 32)]
    path.write_bytes(assemble([], rows, bytes(128)))
    tensors = open_model(path).tensors
    assert list(tensors) == ["late", "early"]
    assert tensors["late"].offset - tensors["early"].offset == 64


def test_opening_a_file_and_asking_for_its_strings_imports_no_numpy(tmp_path: Path) -> None:
    path = small_model(tmp_path / "small.gguf")
    code = f"""if True:
        import sys
        from edgemed.gguf import open_model
        print(open_model({str(path)!r}).metadata["general.name"], "numpy" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "A small model False"


def test_opening_a_large_vocabulary_keeps_only_its_bytes(data: Path) -> None:
    path = data / "vocab" / "ggml-vocab-llama-bpe.gguf"
    tracemalloc.start()
    model = open_model(path)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = path.stat().st_size
    assert model.metadata.length_of("tokenizer.ggml.merges") == 280_147
    assert kept < 1.2 * size and peak < 3 * size


def test_elements_of_the_builder_agree_with_the_bytes_of_the_format() -> None:
    assert element("uint16", 258) == b"\2\1"
    assert value("string", "ab") == b"\x08\0\0\0\2\0\0\0\0\0\0\0ab"
    assert gguf_bytes({}, {})[:24] == b"GGUF\3\0\0\0" + bytes(16)
