"""Importance matrices in both forms, combined, and damaged ones refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgemed.errors import Incompatible, InvalidFile
from edgemed.quantizing.imatrix import read_imatrices
from tests.edgemed.gguf_files import small_model, write_gguf
from tests.edgemed.test_quantize import matrix_file

NAME = "blk.0.attn_v.weight"


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
    with pytest.raises(InvalidFile, match="no importance matrix"):
        read_imatrices([model])
    empty = write_gguf(tmp_path / "e.gguf", {"general.type": ("string", "imatrix")}, {})
    with pytest.raises(InvalidFile, match="holds no importances"):
        read_imatrices([empty])
