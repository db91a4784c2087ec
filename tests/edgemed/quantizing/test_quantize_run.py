"""A quantization is carried out as a merge is: memory under a cap, shards, going on, provenance."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_native import libggml
from edgemed_native.codecs import CODECS, decode_rows, encode_rows

import edgemed
from edgemed.cli.main import main
from edgemed.errors import EdgemedError
from edgemed.gguf import Model, open_model
from edgemed.merging.plan.plan import Target
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.merging.run.chunk import Blender, Chunk
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import weights, write_pair_member
from tests.edgemed.quantizing.test_quantize import bytes_of, matrix_file, types_in

needs_libggml = pytest.mark.skipif(libggml.find() is None, reason="llama-cpp-python is absent")

LEAST = "20000"
"""Bytes of buffers: a few rows at a time."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A llama in F16, under a licence, with what llama.cpp noted of an earlier quantization."""
    keys = {"general__name": "One", "general__license": "mit", "quantize__imatrix__file": "old"}
    return write_pair_member(tmp_path / "one.gguf", weights(1), "F16", **keys)


@pytest.fixture
def matrix(source: Path) -> Path:
    """Importances of every matrix but the embedding."""
    rng, means = np.random.default_rng(5), {}
    for name, tensor in open_model(source).tensors.items():
        if len(tensor.shape) == 2 and "embd" not in name:
            means[name] = rng.random((1, tensor.row_length)).astype(np.float32) * 8
    return matrix_file(source.with_name("matrix.gguf"), means)


def quantize(source: Path, name: str, *words: str, code: int = 0) -> Path:
    out = source.with_name(name)
    assert main(["quantize", str(source), str(out), *words]) == code
    return out


def encoded(source: Path, name: str, type: str, columns: Any) -> bytes:
    """A whole tensor through the codecs alone."""
    tensor = open_model(source).tensors[name]
    if tensor.type.name == type:
        return bytes_of(source, name)
    packed = np.frombuffer(bytes_of(source, name), np.uint8).reshape(tensor.rows, -1)
    x = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed, x)
    out = np.zeros((len(x), CODECS[type].type.row_bytes(x.shape[1])), np.uint8)
    encode_rows(type, x, out, columns)
    return out.tobytes()


@pytest.mark.parametrize("weighed", [False, pytest.param(True, marks=needs_libggml)])
@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q5_1", "Q4_K_M", "Q3_K_L", "Q2_K", "IQ4_XS"])
def test_every_byte_is_the_codecs_whatever_threads_and_memory(
    source: Path, matrix: Path, kind: str, weighed: bool
) -> None:
    words = ["--out-type", kind, *(["--imatrix", str(matrix)] if weighed else [])]
    columns = edgemed.quantizing.imatrix.read_imatrices([matrix]).tensors if weighed else {}
    out = quantize(source, "out.gguf", *words)
    narrow = quantize(source, "narrow.gguf", *words, "--max-ram", LEAST, "--threads", "3")
    assert narrow.read_bytes() == out.read_bytes()
    for name, type in types_in(out).items():
        own = columns[name][0] if name in columns else None
        assert bytes_of(out, name) == encoded(source, name, type, own)


def test_too_little_memory_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quantize(source, "out.gguf", "--out-type", "Q8_0", "--max-ram", "1K", code=3)
    assert "(--max-ram SIZE)" in capsys.readouterr().err
    assert [path.name for path in source.parent.iterdir()] == ["one.gguf"]


def test_no_file_is_larger_than_asked(source: Path) -> None:
    whole = quantize(source, "whole.gguf", "--out-type", "Q8_0")
    quantize(source, "out.gguf", "--out-type", "Q8_0", "--split-max-size", "500K")
    model = open_model(next(source.parent.glob("out-00001-of-*.gguf")))
    assert len(model.paths) > 2
    assert all(path.stat().st_size <= 500_000 for path in model.paths)
    for name in model.tensors:
        assert bytes_of(model.paths[0], name) == bytes_of(whole, name)


def test_files_are_as_the_models_or_of_a_size(source: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        quantize(source, "o", "--out-type", "Q8_0", "--keep-split", "--split-max-size", "1G")
    assert stopped.value.code == 2


def failing_after(chunks: int) -> Callable[[Blender, Chunk], int]:
    """A `Blender.write` that fails after so many chunks."""
    left, write = [chunks], Blender.write

    def until(self: Blender, chunk: Chunk) -> int:
        if not left[0]:
            raise EdgemedError("stopped here")
        left[0] -= 1
        return write(self, chunk)

    return until


@pytest.mark.parametrize("after", [0, 20, 60])
@pytest.mark.parametrize("weighed", [False, pytest.param(True, marks=needs_libggml)])
def test_a_stopped_quantization_goes_on_to_the_same_bytes(
    source: Path, matrix: Path, monkeypatch: pytest.MonkeyPatch, after: int, weighed: bool
) -> None:
    words = ["--out-type", "Q4_K_M", "--max-ram", LEAST, "--threads", "1"]
    words += ["--imatrix", str(matrix)] if weighed else []
    whole = quantize(source, "whole.gguf", *words)
    with monkeypatch.context() as patch:
        patch.setattr(Blender, "write", failing_after(after))
        out = quantize(source, "out.gguf", *words, "--resume", code=1)
    assert not out.exists()
    again, write = [0], Blender.write

    def counted(self: Blender, chunk: Chunk) -> int:
        again[0] += 1
        return write(self, chunk)

    monkeypatch.setattr(Blender, "write", counted)
    quantize(source, "whole.gguf", *words, "--force")
    all_chunks, again[0] = again[0], 0
    quantize(source, "out.gguf", *words, "--resume")
    assert again[0] == all_chunks - after
    assert out.read_bytes() == whole.read_bytes()


def test_going_on_with_another_type_is_refused(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Blender, "write", failing_after(3))
        quantize(source, "out.gguf", "--out-type", "Q4_0", "--resume", code=1)
    quantize(source, "out.gguf", "--out-type", "Q8_0", "--resume", code=3)
    assert "was begun with other recipe" in capsys.readouterr().err


def test_the_file_says_how_it_was_made_and_stays_the_model_that_it_was(
    source: Path, matrix: Path
) -> None:
    out = quantize(source, "out.gguf", "--out-type", "Q4_0", "--imatrix", str(matrix))
    before, metadata = open_model(source).metadata, open_model(out).metadata
    changed = ("quantize.imatrix.", "edgemed.quantize.", "general.file_type")
    kept = [k for k in before if not k.startswith(changed)]
    assert all(metadata.raw(k) == before.raw(k) for k in kept)
    ours = {k.removeprefix("edgemed.quantize.") for k in metadata if k.startswith("edgemed.")}
    assert ours >= {"version", "recipe", "recipe_sha256", "encoder_version", "imatrix"}
    assert metadata["edgemed.quantize.files"] == ["one.gguf"]
    assert metadata["edgemed.quantize.files_sha256"] == [sha(source)]
    assert metadata["edgemed.quantize.imatrix_sha256"] == [sha(matrix)]
    assert str(source.parent).encode() not in out.read_bytes()


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_quantized_file_is_verified(
    source: Path, matrix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--out-type", "Q4_0", "--tensor-type", "attn_[qk]=Q8_0", "--imatrix", str(matrix)]
    out = quantize(source, "out.gguf", *words)
    assert main(["verify", str(out)]) == 0
    assert "out.gguf: same" in capsys.readouterr().out
    raw, tensor = bytearray(out.read_bytes()), open_model(out).tensors["blk.1.attn_q.weight"]
    raw[tensor.offset + 7] ^= 1
    out.write_bytes(raw)
    assert main(["verify", str(out)]) == 1
    assert "blk.1.attn_q.weight has different bytes" in capsys.readouterr().out
    source.write_bytes(source.read_bytes()[:-1] + b"x")
    assert main(["verify", str(out)]) == 1
    assert "is not the file that was read" in capsys.readouterr().out


def test_a_quantized_merge_keeps_its_parents_and_a_merge_forgets_a_quantization(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_pair_member(source.with_name("two.gguf"), weights(2), "F16")
    merged = source.with_name("merged.gguf")
    edgemed.merge(source, other, t=0.5, out=merged)
    small = quantize(merged, "small.gguf", "--out-type", "Q8_0")
    assert edgemed_keys(open_model(merged), "merge") == edgemed_keys(open_model(small), "merge")
    assert main(["verify", str(small)]) == 0
    assert main(["verify", str(merged)]) == 0
    again = source.with_name("again.gguf")
    edgemed.merge(small, other, t=0.5, out=again)
    assert not edgemed_keys(open_model(again), "quantize")
    assert main(["verify", str(again)]) == 0
    twice = quantize(small, "twice.gguf", "--out-type", "Q4_0")
    assert open_model(twice).metadata["edgemed.quantize.files"] == ["small.gguf"]


def edgemed_keys(model: Model, work: str) -> dict[str, bytes]:
    keys = [k for k in model.metadata if k.startswith(f"edgemed.{work}.")]
    return {k: bytes(model.metadata.raw(k)) for k in keys}


def test_a_plan_is_made_before_anything_is_written_and_runs_with_progress(source: Path) -> None:
    out, seen = source.with_name("out.gguf"), list[int]()
    plan = plan_quantize(quantization(source, "q4_0"), Target(out, 2))
    assert {step.action for step in plan.steps} == {"copy", "requantize"}
    assert not out.exists()
    result = run_plan(plan, lambda progress: seen.append(progress.done))
    assert seen[-1] == plan.weights == result.weights
    assert out.stat().st_size == plan.placement.total_bytes


def test_from_python_with_a_cap_and_shards(source: Path) -> None:
    first = edgemed.quantize(
        source, source.with_name("out.gguf"), "Q8_0", max_ram="64M", split_max_size="500K",
        resume=True,
    )  # fmt: skip
    assert first.name.startswith("out-00001-of-")
    assert set(types_in(first).values()) == {"Q8_0", "F32"}
