"""Plans a GGUF file before anything is written: the header's bytes, and where each tensor goes.

Metadata is copied unchanged unless edited. Tensors follow one another in the given order, each
padded to the alignment, the last one too: this is the layout that llama.cpp itself writes, and the
only one that it reads. The same input gives the same bytes.
"""

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from edgemed_native.ggml_types import GGMLType

from edgemed.gguf import values
from edgemed.gguf.flaw import Flaw
from edgemed.gguf.header import (
    ALIGNMENT_KEY,
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_KEY,
    read_alignment,
)
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.tensors import MAX_NAME, size_of

VERSION = 3

LEAST_ALIGNMENT = DEFAULT_ALIGNMENT
"""llama.cpp aborts on a tensor that does not start at a multiple of 32 bytes
(TENSOR_ALIGNMENT in ggml-backend.cpp), although its header reader accepts every power of two."""

TensorSpec = tuple[str, Sequence[int], GGMLType]
"""Name, shape (row length first), type."""


class Layout(NamedTuple):
    """`header` goes to byte 0, tensor i to byte `offsets[i]`; all other bytes are zero."""

    header: bytes
    offsets: tuple[int, ...]
    total_bytes: int


def edit_metadata(
    metadata: Metadata,
    replace: Mapping[str, tuple[str, Any]] | None = None,
    drop: Collection[str] = (),
) -> dict[str, bytes]:
    """Key -> value bytes of `metadata`, with `replace` {key: (kind, value)} in place or at the end.

    Kinds are types as in `Metadata.type_of`, such as `uint32` or `string[]`. Keys of `drop` need
    not exist. An alignment of less than 32 becomes 32, so that llama.cpp can load the new file.
    ValueError if a value does not fit its type, or a key is both replaced and dropped.
    """
    replace = dict(replace or {})
    if metadata.get(ALIGNMENT_KEY, LEAST_ALIGNMENT) < LEAST_ALIGNMENT:
        replace.setdefault(ALIGNMENT_KEY, ("uint32", LEAST_ALIGNMENT))
    both = sorted(set(drop) & set(replace))
    if both:
        raise ValueError(f"keys both replaced and dropped: {', '.join(both)}")
    raw = {key: metadata.raw(key) for key in metadata if key not in drop}
    return raw | {key: values.encode(kind, value) for key, (kind, value) in replace.items()}


def plan_layout(
    raw_metadata: Mapping[str, bytes], tensors: Sequence[TensorSpec], alignment: int | None = None
) -> Layout:
    """Lay out a file of `raw_metadata` (from `edit_metadata`) and `tensors`.

    `alignment` must be what the metadata says (32 if it says nothing); None takes it from there.
    ValueError for a file that no reader would accept.
    """
    stated = _stated_alignment(raw_metadata)
    if alignment not in (None, stated):
        raise ValueError(f"alignment {alignment}, but {ALIGNMENT_KEY} means {stated}")
    if stated < LEAST_ALIGNMENT:
        raise ValueError(f"{ALIGNMENT_KEY} is {stated}: llama.cpp needs {LEAST_ALIGNMENT} or more")
    _check_names("key", raw_metadata, MAX_KEY)
    _check_names("tensor", [name for name, _, _ in tensors], MAX_NAME)
    offsets, end = _offsets(tensors, stated)
    header = b"".join(
        [
            struct.pack("<4sIQQ", MAGIC, VERSION, len(tensors), len(raw_metadata)),
            metadata_bytes(raw_metadata),
            *(_entry(spec, offset) for spec, offset in zip(tensors, offsets, strict=True)),
        ]
    )
    header += bytes(-len(header) % stated)
    start = len(header)
    return Layout(header, tuple(start + offset for offset in offsets), start + end)


def metadata_bytes(raw_metadata: Mapping[str, bytes]) -> bytes:
    """The metadata as it is stored in a file: every key followed by its value's bytes."""
    return b"".join(_string(key) + raw for key, raw in raw_metadata.items())


def _stated_alignment(raw_metadata: Mapping[str, bytes]) -> int:
    try:
        return read_alignment(raw_metadata.get(ALIGNMENT_KEY))
    except Flaw as flaw:
        raise ValueError(flaw.what) from None


def _check_names(things: str, names: Iterable[str], limit: int) -> None:
    seen = set()
    for name in names:
        if not 0 < len(name.encode()) <= limit or "\0" in name:
            raise ValueError(f"not a valid {things} name: {name!r}")
        if name in seen:
            raise ValueError(f"{things} {name!r} occurs twice")
        seen.add(name)


def _offsets(tensors: Sequence[TensorSpec], alignment: int) -> tuple[list[int], int]:
    """Where each tensor starts, and where the last one ends with padding, from the data's start."""
    offsets, end = [], 0
    for name, shape, type in tensors:
        offsets.append(end)
        try:
            end += size_of(shape, type, f"tensor {name!r}")
        except Flaw as flaw:
            raise ValueError(flaw.what) from None
        end += -end % alignment
    return offsets, end


def _entry(spec: TensorSpec, offset: int) -> bytes:
    name, shape, type = spec
    numbers = struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, type.id, offset)
    return _string(name) + numbers


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw
