"""Reads a GGUF header and refuses the file if any part of it is invalid. Reads no tensor data.

    "GGUF"  version u32  tensors u64  keys u64
    keys x     key string, value
    tensors x  name string, dimensions u32, dimensions x u64, type u32, offset u64
    padding to the alignment, then the tensors' bytes

Versions 2 and 3, little endian. Knows no paths: a problem is a `Flaw`.
"""

from typing import BinaryIO, NamedTuple

from edgemed.gguf import values
from edgemed.gguf.cursor import Cursor
from edgemed.gguf.flaw import DAMAGED, MALFORMED, Flaw, quoted
from edgemed.gguf.foreign import BIG_ENDIAN, foreign_file
from edgemed.gguf.metadata import Metadata, ValueSpan
from edgemed.gguf.tensors import (
    MAX_DIMENSIONS,
    MAX_NAME,
    TensorInfo,
    check_extents,
    size_of,
    type_named,
)

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32
MAX_ALIGNMENT = 65_536
"""The largest memory page in use; a larger alignment would only waste space."""
ALIGNMENT_KEY = "general.alignment"

MAX_KEY = 65_535
MAX_KEYS = 65_536
MAX_TENSORS = 131_072
LEAST_KEY = 8 + 1 + 4 + 1
LEAST_TENSOR = 8 + 1 + 4 + 4 + 8
"""Bytes of the shortest key with its value, and of the shortest entry of the tensor table."""


class Header(NamedTuple):
    """A parsed header; offsets of the entries count from byte `data_start`."""

    version: int
    alignment: int
    metadata: Metadata
    entries: tuple[TensorInfo, ...]
    data_start: int


def read_header(stream: BinaryIO, size: int, like: Metadata | None = None) -> Header:
    """Read and check the header of a GGUF file of `size` bytes from its `stream`; raises Flaw.

    Values with the same bytes as in `like` are not checked again: a vocabulary that was checked
    string by string in one file takes no time in the other shards or models that share it.
    """
    cursor = Cursor(stream, size)
    version = _read_version(cursor)
    tensors = _read_count(cursor, "tensors", LEAST_TENSOR, MAX_TENSORS)
    keys = _read_count(cursor, "keys", LEAST_KEY, MAX_KEYS)
    spans = _read_spans(cursor, keys, like)
    alignment = read_alignment(_value(cursor, spans.get(ALIGNMENT_KEY)))
    entries = _read_entries(cursor, tensors)
    data_start = cursor.at + -cursor.at % alignment
    check_extents(entries, data_start, alignment, size)
    del cursor.data[cursor.at :]
    return Header(version, alignment, Metadata(cursor.data, spans), entries, data_start)


def _read_version(cursor: Cursor) -> int:
    if cursor.size == 0:
        raise Flaw("the file is empty", DAMAGED)
    cursor.reach(min(cursor.size, 64), "the start of the file")
    start = bytes(cursor.data[:64])
    if start[:4] != MAGIC:
        raise foreign_file(start)
    cursor.skip(4, "the magic")
    version = cursor.u32("the version")
    if version in VERSIONS:
        return version
    if version and version & 0xFFFF == 0:
        raise foreign_file(BIG_ENDIAN)
    raise Flaw(
        f"GGUF version {version}; versions 2 and 3 can be read",
        "convert the model again with a current llama.cpp"
        if version < 2
        else "update edgemed, or get the model as GGUF version 3",
    )


def _read_count(cursor: Cursor, things: str, least: int, limit: int) -> int:
    count = cursor.u64(f"the number of {things}")
    if count > limit:
        raise Flaw(f"it claims {count:,} {things}, the limit is {limit:,}", DAMAGED)
    if count * least > cursor.remaining:
        raise Flaw(
            f"it claims {count:,} {things}, which do not fit into {cursor.size:,} bytes", DAMAGED
        )
    return count


def _read_spans(cursor: Cursor, count: int, like: Metadata | None) -> dict[str, ValueSpan]:
    spans: dict[str, ValueSpan] = {}
    for number in range(count):
        key = cursor.name(MAX_KEY, f"key number {number}")
        if key in spans:
            raise Flaw(f"the key {quoted(key)} occurs twice", MALFORMED)
        start = cursor.at
        if like is None or key not in like or not cursor.skip_same(like.view(key)):
            values.skip_value(cursor, f"the value of {quoted(key)}")
        spans[key] = ValueSpan(start, cursor.at)
    return spans


def _value(cursor: Cursor, span: ValueSpan | None) -> bytes | None:
    return bytes(cursor.data[span.start : span.end]) if span else None


def read_alignment(raw: bytes | None) -> int:
    """Tensors start at multiples of this many bytes: the value of ALIGNMENT_KEY, or 32."""
    if raw is None:
        return DEFAULT_ALIGNMENT
    kind = values.kind_of(raw)
    if kind != "uint32":
        raise Flaw(f"{ALIGNMENT_KEY} is {kind}, not uint32", MALFORMED)
    alignment: int = values.decode(raw)
    if alignment.bit_count() != 1 or alignment > MAX_ALIGNMENT:
        raise Flaw(
            f"{ALIGNMENT_KEY} is {alignment:,}, not a power of two up to {MAX_ALIGNMENT:,}",
            MALFORMED,
        )
    return alignment


def _read_entries(cursor: Cursor, count: int) -> tuple[TensorInfo, ...]:
    entries: dict[str, TensorInfo] = {}
    for number in range(count):
        entry = _read_entry(cursor, number)
        if entry.name in entries:
            raise Flaw(f"the tensor {quoted(entry.name)} occurs twice", MALFORMED)
        entries[entry.name] = entry
    return tuple(entries.values())


def _read_entry(cursor: Cursor, number: int) -> TensorInfo:
    name = cursor.name(MAX_NAME, f"the name of tensor number {number}")
    thing = f"tensor {quoted(name)}"
    dimensions = cursor.u32(thing)
    if dimensions > MAX_DIMENSIONS:
        raise Flaw(f"{thing} has {dimensions:,} dimensions, the limit is 4", MALFORMED)
    shape = tuple(cursor.u64(thing) for _ in range(dimensions))
    type = type_named(cursor.u32(thing), thing)
    return TensorInfo(name, shape, type, cursor.u64(thing), size_of(shape, type, thing))
