"""Reads the table of a safetensors file, and trusts nothing in it. No tensor is read.

    u64 size of the table | table: JSON {name: {dtype, shape, data_offsets}} | data

A file whose tensors overlap, leave gaps, have other sizes than their shapes or end elsewhere than
the file is refused: the format allows none of these.
"""

import os
import stat
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_native.ggml_types import BY_NAME

from edgemed.errors import InvalidFile
from edgemed.gguf import Tensor
from edgemed.printable import printable
from edgemed.storage.bounded import json_of

LARGEST_TABLE = 100_000_000
"""Bytes, the format's own limit."""

SIZES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8,
    "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
WEIGHTS = ("F32", "F16", "BF16")
"""Types whose numbers are read as weights; ggml has them under the same names."""

MOST_DIMENSIONS = 8
LARGEST = (1 << 63) - 1
"""No file has more bytes, and no tensor more rows."""

AGAIN = "the file is damaged or incomplete: get it again"


class Stored(NamedTuple):
    """A tensor as the table states it: shape with the row length last, place in the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    nbytes: int


def read_table(path: Path) -> dict[str, Stored]:
    """Every tensor of the file by its name; InvalidFile if the table cannot be right."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidFile(f"{path} is not a file", "name a .safetensors file")
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(LARGEST_TABLE, size - 8):
                raise InvalidFile(f"{path}: a table of {length:,} bytes in {size:,}", AGAIN)
            text = file.read(length)
    except FileNotFoundError:
        raise InvalidFile(f"there is no file {path}", "check the spelling and the folder") from None
    except OSError as error:
        raise InvalidFile(f"{path}: cannot be read ({error.strerror})", "check the file") from error
    return checked(path, parsed(path, text), 8 + length, size)


def parsed(path: Path, text: bytes) -> Mapping[str, Any]:
    """The table as plain values."""
    try:
        tree = json_of(text)
    except ValueError as error:
        raise InvalidFile(f"{path}: its table is not JSON: {error}", AGAIN) from None
    if not isinstance(tree, dict):
        raise InvalidFile(f"{path}: its table is not a JSON object", AGAIN)
    return {name: entry for name, entry in tree.items() if name != "__metadata__"}


def checked(path: Path, tree: Mapping[str, Any], start: int, size: int) -> dict[str, Stored]:
    """The tensors, one after the other to the end of the file."""
    found = {name: stored(path, name, entry, start) for name, entry in tree.items()}
    end, before = start, "the table"
    for name, tensor in sorted(found.items(), key=lambda item: (item[1].offset, item[1].nbytes)):
        if tensor.offset != end:
            what = "overlap" if tensor.offset < end else "have a gap between them"
            raise InvalidFile(f"{path}: {shown(before)} and {shown(name)} {what}", AGAIN)
        end, before = tensor.offset + tensor.nbytes, name
    if end != size:
        raise InvalidFile(f"{path}: its tensors end at byte {end:,}, the file at {size:,}", AGAIN)
    return found


def stored(path: Path, name: str, entry: Any, start: int) -> Stored:
    """One entry of the table, whose data begin at byte `start` of the file."""
    what = f"{path}: {shown(name)}"
    if not isinstance(entry, dict) or SIZES.get(str(entry.get("dtype"))) is None:
        raise InvalidFile(f"{what} has an unknown type", AGAIN)
    shape, place = numbers(entry.get("shape")), numbers(entry.get("data_offsets"))
    if shape is None or place is None or len(place) != 2:
        raise InvalidFile(f"{what} has no shape or no place", AGAIN)
    nbytes = prod(shape) * SIZES[entry["dtype"]]
    if nbytes != place[1] - place[0]:
        sizes = " x ".join(map(str, shape))
        claim = f"{place[1] - place[0]:,} bytes for {sizes} of {entry['dtype']}"
        raise InvalidFile(f"{what} claims {claim}", AGAIN)
    return Stored(entry["dtype"], shape, start + place[0], nbytes)


def numbers(value: Any) -> tuple[int, ...] | None:
    """A short list of whole numbers, none below 0; None if it is something else."""
    if not isinstance(value, list) or len(value) > MOST_DIMENSIONS:
        return None
    return tuple(value) if all(type(n) is int and 0 <= n <= LARGEST for n in value) else None


def tensor_of(path: Path, name: str, found: Stored) -> Tensor:
    """The tensor as its rows are read; InvalidFile for one that holds no weights."""
    if found.dtype not in WEIGHTS or not found.nbytes:
        raise InvalidFile(
            f"{path.name}: {shown(name)} is {found.dtype} of shape {list(found.shape)}",
            f"save it as one of {', '.join(WEIGHTS)}",
        )
    shape = found.shape[::-1]
    return Tensor(name, shape, BY_NAME[found.dtype], path, found.offset, found.nbytes)


def shown(name: str) -> str:
    """A name from the table, which may hold anything, made printable."""
    return printable(name[:200])
