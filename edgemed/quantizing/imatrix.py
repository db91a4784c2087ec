"""Importance matrices: how much each column of a matrix matters, as llama-imatrix measured it.

Both of its forms are read: GGUF (sums of squared activations and counts, an entry for each expert)
and the older binary one. Several are combined by sums and counts, as if measured in one run.
"""

import hashlib
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgemed.errors import EdgemedError, Incompatible, InvalidFile, Refused
from edgemed.gguf import Tensor, open_model
from edgemed.storage.bounded import read_bounded
from edgemed.storage.names import refuse_odd_name

F32 = NDArray[np.float32]

SUMS, COUNTS = ".in_sum2", ".counts"
LARGEST = 1 << 30  # bytes of an old file; one for 70 billion weights has 25 million
MOST_ENTRIES = 131_072  # as many as tensors in a GGUF header
LONGEST_NAME = 255
CALL = 512
"""Rows per call if the file does not say: llama-imatrix's default context."""

NOT_ONE = "make it again with llama-imatrix"

KEYS = tuple(
    f"quantize.imatrix.{key}" for key in ("file", "dataset", "entries_count", "chunks_count")
)
"""Metadata keys of files that were written with an importance matrix."""


@dataclass(frozen=True, slots=True)
class Importances:
    """Tensor name -> f32[matrices, row length], mean squared activations: finite, not negative.

    The older form does not say where an expert ends: its entries are f32[1, all columns].
    `sha256` has one hash per file.
    """

    tensors: dict[str, F32]
    file: str
    dataset: str
    chunks: int
    sha256: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        return sum(found.nbytes for found in self.tensors.values())


class Sums(NamedTuple):
    """Sums f64[matrices, columns] of squared activations over `counts` f64[matrices, 1] rows."""

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]


class Measured(NamedTuple):
    """One file's content."""

    entries: dict[str, Sums]
    datasets: tuple[str, ...]
    chunks: int


def read_imatrices(paths: Sequence[Path]) -> Importances:
    """The importances in these files, combined; InvalidFile if a file is not an importance
    matrix."""
    refuse_twice(paths)
    found = [_read(path) for path in paths]
    total: dict[str, Sums] = {}
    for path, measured in zip(paths, found, strict=True):
        for name, entry in measured.entries.items():
            total[name] = _added(total.get(name), entry, name, path)
    means = {name: _means(entry) for name, entry in total.items()}
    for name, found_means in means.items():
        if not np.isfinite(found_means).all():
            files = " and ".join(str(path) for path in paths)
            raise InvalidFile(f"{files}: importances of {name} are too large", NOT_ONE)
    return Importances(
        means,
        " + ".join(path.name for path in paths),
        " + ".join(dict.fromkeys(d for m in found for d in m.datasets)),
        sum(measured.chunks for measured in found),
        tuple(_sha256(path) for path in paths),
    )


def refuse_twice(paths: Sequence[Path]) -> None:
    """Refuse a file that is given twice: it would count twice."""
    for i, path in enumerate(paths):
        refuse_odd_name(path)
        if path.exists() and any(o.exists() and path.samefile(o) for o in paths[:i]):
            raise Refused(f"{path} is given twice", "name every importance matrix once")


def of_tensor(importances: Importances | None, name: str, tensor: Tensor) -> F32 | None:
    """f32[matrices, row length] for `tensor` under `name`; None if nothing was measured.

    Refused if the importances were measured on another shape.
    """
    found = None if importances is None else importances.tensors.get(name)
    if found is None:
        return None
    matrices = math.prod(tensor.shape[2:])
    for count in (matrices, 1):
        if found.size == count * tensor.row_length:
            return found.reshape(count, tensor.row_length)
    raise Refused(
        f"the importance matrix has {found.size} numbers for {name}, "
        f"which has {matrices} x {tensor.row_length} columns",
        "use a matrix that was measured on a model of the same shape",
    )


def silence(columns: F32 | None) -> str | None:
    """Why a type that needs importances cannot use these; None if every matrix has some."""
    if columns is None:
        return "none were measured"
    silent = np.flatnonzero(~columns.any(axis=1))
    if not silent.size:
        return None
    of = "" if len(columns) == 1 else f" of matrix {silent[0]}"
    return f"those{of} are all zero"


def of_row(found: F32 | None, tensor: Tensor, row: int) -> F32 | None:
    """The importances f32[row length] of the matrix of `tensor` that row number `row` is in."""
    if found is None:
        return None
    own: F32 = found[0] if len(found) == 1 else found[row // tensor.shape[1]]
    return own


def keys_of(importances: Importances) -> dict[str, tuple[str, Any]]:
    """What llama.cpp's quantizer notes about a matrix in the output: key -> (kind, value)."""
    values = (
        ("string", importances.file),
        ("string", importances.dataset),
        ("uint32", len(importances.tensors)),
        ("uint32", importances.chunks),
    )
    return dict(zip(KEYS, values, strict=True))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> Measured:
    refuse_odd_name(path)
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
        measured = _read_gguf(path) if is_gguf else _read_old(path)
    except FileNotFoundError:
        raise InvalidFile(f"there is no file {path}", "check the spelling and the folder") from None
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the file") from error
    if not measured.entries:
        raise InvalidFile(f"{path} holds no importances", NOT_ONE)
    for name, entry in measured.entries.items():
        if not all(np.isfinite(a).all() and (a >= 0).all() for a in entry):
            raise InvalidFile(f"{path}: {name} has negative or infinite importances", NOT_ONE)
    return measured


def _read_gguf(path: Path) -> Measured:
    model = open_model(path)
    if model.metadata.get("general.type") != "imatrix":
        raise InvalidFile(f"{path} is a GGUF file, but not an importance matrix", NOT_ONE)
    entries = {}
    for name, tensor in model.tensors.items():
        counts = model.tensors.get(name.removesuffix(SUMS) + COUNTS)
        if not name.endswith(SUMS) or counts is None:
            continue
        if counts.rows * counts.row_length != tensor.rows:
            raise InvalidFile(f"{path}: {name} and its counts do not fit", NOT_ONE)
        sums = _numbers(tensor).reshape(tensor.rows, tensor.row_length)
        entries[name.removesuffix(SUMS)] = Sums(sums, _numbers(counts).reshape(-1, 1))
    datasets = tuple(str(d) for d in model.metadata.get("imatrix.datasets", ()))
    return Measured(entries, datasets, int(model.metadata.get("imatrix.chunk_count", 0)))


def _numbers(tensor: Tensor) -> NDArray[np.float64]:
    if tensor.type.name != "F32":
        raise InvalidFile(f"{tensor.path}: {tensor.name} is {tensor.type.name}, not F32", NOT_ONE)
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        return np.frombuffer(file.read(tensor.nbytes), "<f4").astype(np.float64)


def _read_old(path: Path) -> Measured:
    """Entries, each: length, name, calls, columns, f32 means times calls; then chunks, dataset.

    All whole numbers are i32, little endian. Calls are counted, not rows: CALL of them in each.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise InvalidFile(f"{path} has {size:,} bytes, the limit is {LARGEST:,}", NOT_ONE)
    raw = read_bounded(path, "importance matrix")
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        if count < 0 or at + count > len(raw):
            raise InvalidFile(f"{path} is not an importance matrix, or is damaged", NOT_ONE)
        at += count
        return raw[at - count : at]

    def number() -> int:
        return int(struct.unpack("<i", take(4))[0])

    entries = {}
    count = number()
    if count > MOST_ENTRIES:
        problem = f"{path} claims {count:,} entries, the limit is {MOST_ENTRIES:,}"
        raise InvalidFile(problem, NOT_ONE)
    for _ in range(count):
        length = number()
        if not 0 < length <= LONGEST_NAME:
            raise InvalidFile(f"{path} is not an importance matrix, or is damaged", NOT_ONE)
        name = take(length).decode("utf-8", "replace")
        calls, columns = number(), number()
        sums = np.frombuffer(take(4 * columns), "<f4").astype(np.float64) * CALL
        entries[name] = Sums(sums[None], np.full((1, 1), max(calls, 0) * CALL, np.float64))
    if at == len(raw):  # before 2024 nothing followed
        return Measured(entries, (), 0)
    chunks = number()
    return Measured(entries, (take(number()).decode("utf-8", "replace"),), chunks)


def _added(before: Sums | None, entry: Sums, name: str, path: Path) -> Sums:
    if before is None:
        return entry
    before, entry = _split_alike(before, entry), _split_alike(entry, before)
    if before.sums.shape != entry.sums.shape:
        raise Incompatible(
            f"{path}: {name} has {math.prod(entry.sums.shape)} importances, the others have "
            f"{math.prod(before.sums.shape)}",
            "combine matrices of one model only",
        )
    return Sums(before.sums + entry.sums, before.counts + entry.counts)


def _split_alike(entry: Sums, other: Sums) -> Sums:
    """Experts separated as in `other`, if only one of the two files separates them."""
    if len(entry.sums) != 1 or entry.sums.size != other.sums.size:
        return entry
    counts = np.broadcast_to(entry.counts, other.counts.shape)
    return Sums(entry.sums.reshape(other.sums.shape), counts)


def _means(entry: Sums) -> F32:
    """Sums over counts; 1 for an expert that was never called."""
    seen = entry.counts > 0
    means = np.where(seen, entry.sums / np.where(seen, entry.counts, 1), 1)
    with np.errstate(over="ignore"):  # what becomes infinite is refused
        return np.ascontiguousarray(means, np.float32)
