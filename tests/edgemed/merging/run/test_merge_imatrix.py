"""Merges that weigh columns by an importance matrix: bytes, plan, provenance, resume, verify."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edgemed_native import libggml
from edgemed_native.codecs import encode_rows
from edgemed_native.ggml_types import BY_NAME

from edgemed.cli.main import main
from edgemed.errors import Refused
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import Recipe, Slice, Source, between
from edgemed.merging.report.verify import verify
from edgemed.merging.run.chunk import Blender
from edgemed.merging.run.run import run_plan
from tests.edgemed.merge_pairs import WIDTH, read_tensors, weights, write_pair_member
from tests.edgemed.quantizing.test_quantize import matrix_file

QUERY, EXPERTS = "blk.0.attn_q.weight", "blk.0.ffn_up_exps.weight"
needs_libggml = pytest.mark.skipif(libggml.find() is None, reason="needs llama-cpp-python")


def columns(seed: int, matrices: int = 1) -> np.ndarray:
    """Importances that differ by a thousand, f32[matrices, WIDTH]."""
    powers = np.random.default_rng(seed).uniform(0, 3, (matrices, WIDTH))
    return (10.0**powers).astype(np.float32)


def parent(folder: Path, name: str, seed: int) -> Path:
    tensors = weights(seed)
    noise = np.random.default_rng(seed).normal(0, 0.05, (3, 8, WIDTH))
    tensors[EXPERTS] = noise.astype(np.float32)
    return write_pair_member(folder / name, tensors, "Q4_K")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return parent(tmp_path, "a.gguf", 1), parent(tmp_path, "b.gguf", 2)


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    return matrix_file(tmp_path / "m.gguf", {QUERY: columns(3), EXPERTS: columns(4, 3)})


def plan(pair: tuple[Path, Path], out: Path, *matrices: Path, cap: int = 60_000, **changes):
    recipe = replace(between(*pair, 0.5), imatrix=matrices, **changes)
    return plan_merge(recipe, out, 2, cap, True)


def packed(path: Path, name: str) -> bytes:
    tensor = open_model(path).tensors[name]
    return path.read_bytes()[tensor.offset :][: tensor.nbytes]


def weighed(rows: np.ndarray, importances: np.ndarray) -> bytes:
    """Rows f32[matrices, rows, WIDTH] as Q4_K, each matrix by its own importances."""
    found = b""
    for matrix, own in zip(rows, importances, strict=True):
        made = np.empty((len(matrix), BY_NAME["Q4_K"].row_bytes(WIDTH)), np.uint8)
        encode_rows("Q4_K", np.ascontiguousarray(matrix), made, own)
        found += made.tobytes()
    return found


def test_the_mix_is_encoded_with_the_importances_of_each_matrix(pair, matrix, tmp_path):
    out, plain = tmp_path / "out.gguf", tmp_path / "plain.gguf"
    run_plan(plan(pair, out, matrix))
    run_plan(plan(pair, plain))
    a, b = (read_tensors(path) for path in pair)
    for name, own in ((QUERY, columns(3)), (EXPERTS, columns(4, 3))):
        mixed = (np.float32(0.5) * a[name] + np.float32(0.5) * b[name]).astype(np.float32)
        expected = weighed(mixed.reshape(len(own), -1, WIDTH), own)
        assert packed(out, name) == expected != packed(plain, name)
    others = [n for n in open_model(out).tensors if n not in (QUERY, EXPERTS)]
    assert all(packed(out, name) == packed(plain, name) for name in others)


def test_the_file_says_which_matrix_and_verify_makes_it_again(pair, matrix, tmp_path):
    out = tmp_path / "out.gguf"
    run_plan(plan(pair, out, matrix))
    keys = open_model(out).metadata
    assert list(keys["edgemed.merge.imatrix"]) == ["m.gguf"]
    assert keys["quantize.imatrix.entries_count"] == 2
    assert '"imatrix":["m.gguf"]' in keys["edgemed.merge.recipe"]
    assert verify(out, None, 2).state == "same"
    moved = matrix.rename(tmp_path / "moved.gguf")
    with pytest.raises(Refused, match=r"there is no file .*m\.gguf, which out\.gguf was made with"):
        verify(out, None, 2)
    assert verify(out, None, 2, imatrix=[moved]).state == "same"
    matrix_file(moved, {QUERY: columns(5), EXPERTS: columns(4, 3)})
    answer = verify(out, None, 2, imatrix=[moved])
    assert answer.state == "different"
    assert "not the importance matrix that was used" in answer.lines[0]


def test_an_unfinished_merge_goes_on_only_with_the_same_matrix(pair, matrix, tmp_path, monkeypatch):
    out, write, done = tmp_path / "out.gguf", Blender.write, []

    def until(self, chunk):
        if len(done) > 4:
            raise KeyboardInterrupt
        done.append(chunk)
        return write(self, chunk)

    with monkeypatch.context() as patch:
        patch.setattr(Blender, "write", until)
        with pytest.raises(KeyboardInterrupt):
            run_plan(plan(pair, out, matrix), resume=True)
    other = matrix_file(tmp_path / "other", {QUERY: columns(5)}).rename(tmp_path / "n.gguf")
    with pytest.raises(Refused, match=r"begun with other .*importance matrices"):
        run_plan(plan(pair, out, other), resume=True)
    run_plan(plan(pair, out, matrix), resume=True)
    run_plan(plan(pair, tmp_path / "whole.gguf", matrix))
    assert out.read_bytes() == (tmp_path / "whole.gguf").read_bytes()


def test_the_plan_shows_what_is_weighed_and_what_is_not(pair, matrix, tmp_path, capsys):
    words = ["merge", *map(str, pair), "--t", "0.5", "-o", str(tmp_path / "out.gguf")]
    assert main([*words, "--imatrix", str(matrix), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines if "columns weighted" in line] == [QUERY, EXPERTS]
    assert any(line.startswith("importance matrix: m.gguf, sha256 ") for line in lines)
    assert "14 tensors without importances: their columns are weighted equally" in lines


def test_importances_count_towards_the_cap(pair, matrix, tmp_path):
    with pytest.raises(Refused, match="one row of the widest tensor") as refusal:
        plan(pair, tmp_path / "out.gguf", matrix, cap=9_000)
    least = int("".join(c for c in refusal.value.hint if c.isdigit()))
    made = plan(pair, tmp_path / "out.gguf", matrix, cap=least)
    assert 4 * 4 * WIDTH < made.buffers.nbytes <= least


def test_a_matrix_of_another_shape_is_refused(pair, tmp_path):
    other = matrix_file(tmp_path / "m.gguf", {QUERY: np.ones((1, 64), np.float32)})
    with pytest.raises(Refused, match=QUERY):
        plan(pair, tmp_path / "out.gguf", other)


def test_stacked_blocks_take_the_importances_of_their_own_numbers(pair, matrix, tmp_path):
    sources = [Slice((Source(pair[0], layers),)) for layers in ((0, 2), (1, 2))]
    recipe = Recipe("passthrough", tuple(sources), imatrix=(matrix,))
    with pytest.raises(Refused, match="is of 1 blocks, the output has 3"):
        plan_merge(recipe, tmp_path / "out.gguf", 2)


@needs_libggml
def test_types_that_need_importances_can_be_written_with_them(pair, matrix, tmp_path):
    out = tmp_path / "out.gguf"
    types = {"types": ((QUERY, "IQ2_XXS"),)}
    with pytest.raises(Refused, match="IQ2_XXS cannot be written without an importance matrix"):
        plan(pair, out, **types)
    run_plan(plan(pair, out, matrix, **types))
    made = open_model(out).tensors[QUERY]
    assert made.type.name == "IQ2_XXS"
    assert verify(out, None, 2).state == "same"
