"""The tensor table: one entry per tensor, and the checks before its bytes are used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from edgemed_native.ggml_types import BY_ID, REMOVED, GGMLType

from edgemed.gguf.flaw import DAMAGED, MALFORMED, Flaw, quoted
from edgemed.gguf.foreign import BITNET_TYPES, fork_type

MAX_DIMENSIONS = 4
MAX_NAME = 63
"""Bytes of a tensor's name: llama.cpp reserves 64, the last one for a NUL."""

LIMIT = 2**63
"""llama.cpp counts elements and bytes in signed 64-bit numbers."""


class TensorInfo(NamedTuple):
    """A tensor as listed in the table; `offset` counts from the start of the data."""

    name: str
    shape: tuple[int, ...]
    type: GGMLType
    offset: int
    nbytes: int

    @property
    def end(self) -> int:
        return self.offset + self.nbytes


class Run(NamedTuple):
    """Whole rows, one after the other in a file, from byte `offset`."""

    path: Path
    offset: int
    rows: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """Where the rows of a tensor are, if they are not all in one place in their order.

    Row i of the tensor is row order[i] of all `runs` (of a vector: element i). `plus` is added to
    every number. `values`: the tensor's own bytes, if no file holds them.
    """

    runs: tuple[Run, ...] = ()
    order: tuple[int, ...] | None = None
    plus: float = 0.0
    values: bytes = b""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in a file: `nbytes` bytes at `offset`. shape[0] is the row length, as in ggml.

    If it is `gathered`, its rows are in several places, and `path` is the first of its files.
    """

    name: str
    shape: tuple[int, ...]
    type: GGMLType
    path: Path
    offset: int
    nbytes: int
    gathered: Gathered | None = field(default=None, kw_only=True)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file that holds rows of it."""
        if self.gathered is None:
            return (self.path,)
        return tuple(dict.fromkeys(run.path for run in self.gathered.runs))

    @property
    def row_length(self) -> int:
        """Weights of a row; 1 for a tensor without dimensions."""
        return self.shape[0] if self.shape else 1

    @property
    def rows(self) -> int:
        """How many rows: the product of all dimensions but the first."""
        return math.prod(self.shape[1:])

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.nbytes // self.rows


def type_named(type_id: int, thing: str) -> GGMLType:
    """The tensor type with this number; a Flaw says if it was removed or belongs to a fork."""
    if type_id in BY_ID:
        return BY_ID[type_id]
    if type_id in REMOVED:
        fork = f"; or {BITNET_TYPES[type_id]} of bitnet.cpp" if type_id in BITNET_TYPES else ""
        raise Flaw(
            f"{thing} has type {type_id} ({REMOVED[type_id]}), no longer read by llama.cpp{fork}",
            "quantize the model again from its source with a current llama.cpp",
        )
    if flaw := fork_type(type_id, thing):
        raise flaw
    raise Flaw(
        f"{thing} has type {type_id}, which is unknown",
        "the file is damaged or newer than this edgemed: download it again, or update edgemed",
    )


def size_of(shape: Sequence[int], type: GGMLType, thing: str) -> int:
    """Bytes of a tensor of this shape and type; Flaw if no tensor can have them."""
    if len(shape) > MAX_DIMENSIONS:
        raise Flaw(f"{thing} has {len(shape):,} dimensions, the limit is 4", MALFORMED)
    shown = " x ".join(str(n) for n in shape)
    if not all(shape):
        raise Flaw(f"{thing} is empty: its shape is {shown}", MALFORMED)
    if math.prod(shape) >= LIMIT:
        raise Flaw(f"{thing} claims more weights than can be counted: {shown}", DAMAGED)
    row_length = shape[0] if shape else 1
    if row_length % type.block:
        raise Flaw(
            f"{thing} has rows of {row_length:,} weights; {type.name} needs a multiple of "
            f"{type.block}",
            MALFORMED,
        )
    nbytes = math.prod(shape) // type.block * type.nbytes
    if nbytes >= LIMIT:
        raise Flaw(f"{thing} claims {nbytes:,} bytes, more than can be counted", DAMAGED)
    return nbytes


def check_extents(entries: Sequence[TensorInfo], start: int, alignment: int, size: int) -> None:
    """Check that tensors are aligned, inside the file and do not overlap, and the last ends it."""
    for entry in entries:
        if entry.offset % alignment:
            raise Flaw(
                f"tensor {quoted(entry.name)} starts at offset {entry.offset:,}, "
                f"which is not a multiple of {alignment}",
                DAMAGED,
            )
        if start + entry.end > size:
            raise Flaw(
                f"tensor {quoted(entry.name)} ends at byte {start + entry.end:,}, "
                f"the file at {size:,}: {start + entry.end - size:,} bytes are missing",
                DAMAGED,
            )
    end = _check_apart(sorted(entries, key=lambda entry: entry.offset))
    surplus = size - (start + end + -end % alignment)
    if surplus > 0:
        raise Flaw(f"{surplus:,} bytes at the end belong to no tensor", DAMAGED)


def _check_apart(entries: Sequence[TensorInfo]) -> int:
    """Check that no two of these (sorted by offset) overlap; returns the end of the last."""
    end, before = 0, ""
    for entry in entries:
        if entry.offset < end:
            raise Flaw(
                f"tensors {quoted(before)} and {quoted(entry.name)} overlap "
                f"at offset {entry.offset:,}",
                DAMAGED,
            )
        end, before = entry.end, entry.name
    return end


def strays(entries: Sequence[TensorInfo], alignment: int) -> list[str]:
    """Tensors that do not start where the one before ends, padding included: llama.cpp refuses
    them, although no data is missing."""
    ends = [0, *(entry.end + -entry.end % alignment for entry in entries)]
    return [e.name for e, start in zip(entries, ends, strict=False) if e.offset != start]
