"""Importance matrices in both forms, combined, and damaged ones refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from edgemed_native import libggml
from numpy.typing import NDArray

from edgemed.cli.main import main
from edgemed.errors import Incompatible, InvalidFile
from edgemed.quantizing.imatrix import read_imatrices
from tests.edgemed.gguf_files import small_model, write_gguf
from tests.edgemed.merge_pairs import WIDTH, weights, write_pair_member
from tests.edgemed.quantizing.test_quantize import matrix_file

NAME, UP = "blk.0.attn_v.weight", "blk.0.ffn_up.weight"
OUTPUT = "blk.0.attn_output.weight"


def old_file(path: Path, entries: dict[str, tuple[int, list[float]]], *, tail: bool = True) -> Path:
    """The older form: name -> (calls, sums)."""
    raw = struct.pack("<i", len(entries))
    for name, (calls, sums) in entries.items():
        raw += struct.pack("<i", len(name)) + name.encode()
        raw += struct.pack(f"<ii{len(sums)}f", calls, len(sums), *sums)
    if tail:
        raw += struct.pack("<ii", 7, 5) + b"a.txt"
    path.write_bytes(raw)
    return path


def row(*values: float) -> NDArray[np.float32]:
    return np.array([values], np.float32)


def test_the_gguf_form_gives_means(tmp_path: Path) -> None:
    found = read_imatrices([matrix_file(tmp_path / "m.gguf", {NAME: row(1, 2.5, 0)}, count=8)])
    assert np.array_equal(found.tensors[NAME], row(1, 2.5, 0))
    assert (found.file, found.dataset, found.chunks) == ("m.gguf", "notes.txt", 3)


def test_an_expert_never_called_counts_as_one(tmp_path: Path) -> None:
    found = read_imatrices([matrix_file(tmp_path / "m.gguf", {NAME: row(1, 2)}, count=0)])
    assert np.array_equal(found.tensors[NAME], row(1, 1))


@pytest.mark.parametrize("tail", [True, False])
def test_the_older_form_gives_means(tmp_path: Path, tail: bool) -> None:
    path = old_file(tmp_path / "m.dat", {NAME: (4, [8.0, 2.0]), "other": (1, [3.0])}, tail=tail)
    found = read_imatrices([path])
    assert np.array_equal(found.tensors[NAME], row(2, 0.5))
    assert np.array_equal(found.tensors["other"], row(3))
    assert (found.dataset, found.chunks) == (("a.txt", 7) if tail else ("", 0))


def test_several_are_combined_by_sums_and_counts(tmp_path: Path) -> None:
    first = matrix_file(tmp_path / "a.gguf", {NAME: row(1, 4)}, count=512)  # one call's rows
    second = old_file(tmp_path / "b.dat", {NAME: (3, [15.0, 0.0]), "other": (1, [3.0])})
    found = read_imatrices([first, second])
    assert np.array_equal(found.tensors[NAME], row(4, 1))  # (1 + 15) / 4, (4 + 0) / 4
    assert set(found.tensors) == {NAME, "other"}
    assert (found.file, found.dataset, found.chunks) == ("a.gguf + b.dat", "notes.txt + a.txt", 10)


def test_experts_that_one_file_tells_apart_stay_apart(tmp_path: Path) -> None:
    experts = np.array([[1, 4], [3, 8]], np.float32)
    first = matrix_file(tmp_path / "a.gguf", {NAME: experts}, count=512)
    second = old_file(tmp_path / "b.dat", {NAME: (1, [3.0, 0.0, 5.0, 0.0])})
    for paths in ([first, second], [second, first]):
        assert np.array_equal(read_imatrices(paths).tensors[NAME], [[2, 2], [4, 4]])


def test_matrices_of_different_models_are_not_combined(tmp_path: Path) -> None:
    first = matrix_file(tmp_path / "a.gguf", {NAME: row(1, 4)})
    second = matrix_file(tmp_path / "b.gguf", {NAME: row(1, 4, 5)})
    with pytest.raises(Incompatible, match=f"{NAME} has 3 importances, the others have 2"):
        read_imatrices([first, second])


def test_every_cut_of_the_older_form_is_refused(tmp_path: Path) -> None:
    whole = old_file(tmp_path / "m.dat", {NAME: (4, [8.0, 2.0])}).read_bytes()
    at_tail = len(whole) - len(b"a.txt") - 8  # there the file of before 2024 ends
    for cut in range(len(whole)):
        path = tmp_path / "cut.dat"
        path.write_bytes(whole[:cut])
        if cut == at_tail:
            read_imatrices([path])
            continue
        with pytest.raises(InvalidFile):
            read_imatrices([path])


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_numbers_that_are_no_importances_are_refused(tmp_path: Path, value: float) -> None:
    path = matrix_file(tmp_path / "m.gguf", {NAME: row(1, value)})
    with pytest.raises(InvalidFile, match="negative or infinite"):
        read_imatrices([path])


def test_other_files_are_refused(tmp_path: Path) -> None:
    model = small_model(tmp_path / "model.gguf")
    with pytest.raises(InvalidFile, match="not an importance matrix"):
        read_imatrices([model])
    empty = write_gguf(tmp_path / "e.gguf", {"general.type": ("string", "imatrix")}, {})
    with pytest.raises(InvalidFile, match="holds no importances"):
        read_imatrices([empty])


@pytest.mark.skipif(libggml.find() is None, reason="needs llama-cpp-python")
@pytest.mark.parametrize("type", ["IQ2_XXS", "IQ2_XS", "IQ1_S", "IQ2_S", "IQ1_M"])
@pytest.mark.parametrize("command", ["merge", "quantize"])
def test_importances_of_zero_are_refused_like_missing_ones(command, type, tmp_path, capsys):
    a, b = (str(write_pair_member(tmp_path / f"{n}.gguf", weights(n), "Q8_0")) for n in range(2))
    names = [n for n, w in weights(0).items() if w.ndim == 2]
    ones = {name: np.ones((1, weights(0)[name].shape[1]), np.float32) for name in names}
    silent = ones | {name: np.zeros_like(ones[name]) for name in (UP, OUTPUT)}
    out = tmp_path / "out.gguf"
    words = {
        "merge": ["merge", a, b, "--t", "0.5", "-o", str(out), "--out-type", type],
        "quantize": ["quantize", a, str(out), "--out-type", type],
    }[command]
    told = [*words, "--imatrix", str(matrix_file(tmp_path / "m.gguf", silent))]
    assert main(told) == 3
    said = capsys.readouterr().err
    assert (UP in said or OUTPUT in said) and "those are all zero" in said and not out.exists()
    fine = matrix_file(tmp_path / "fine.gguf", ones)
    assert main([*words, "--imatrix", str(fine), "--dry-run"]) == 0


@pytest.mark.skipif(libggml.find() is None, reason="needs llama-cpp-python")
def test_an_expert_whose_importances_are_zero_is_named(tmp_path, capsys):
    name = "blk.0.ffn_up_exps.weight"
    extra = {name: np.random.default_rng(0).normal(0, 1, (3, 8, WIDTH)).astype(np.float32)}
    path = write_pair_member(tmp_path / "a.gguf", weights(0) | extra, "Q8_0")
    columns = np.ones((3, WIDTH), np.float32)
    columns[1] = 0
    matrix = matrix_file(tmp_path / "m.gguf", {name: columns})
    words = ["quantize", str(path), str(tmp_path / "out.gguf"), "--imatrix", str(matrix)]
    assert main([*words, "--out-type", "Q8_0", "--tensor-type", f"{name}=IQ2_XS"]) == 3
    assert "those of matrix 1 are all zero" in capsys.readouterr().err
    assert main([*words, "--out-type", "Q8_0", "--tensor-type", f"{name}=IQ4_XS"]) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_importances_that_are_no_numbers_are_refused(value, tmp_path):
    columns = np.ones((1, WIDTH), np.float32)
    columns[0, 7] = value
    path = matrix_file(tmp_path / "m.gguf", {"blk.0.attn_q.weight": columns})
    with pytest.raises(InvalidFile, match="negative or infinite"):
        read_imatrices([path])


def test_means_that_no_float32_holds_are_refused(tmp_path):
    columns = np.full((1, WIDTH), 3e38, np.float32)
    path = matrix_file(tmp_path / "m.gguf", {"blk.0.attn_q.weight": columns}, count=1.0)
    raw = bytearray(path.read_bytes())
    at = raw.rindex(np.float32(1).tobytes())
    raw[at : at + 4] = np.float32(1e-3).tobytes()
    path.write_bytes(raw)
    with pytest.raises(InvalidFile, match="too large"):
        read_imatrices([path])
