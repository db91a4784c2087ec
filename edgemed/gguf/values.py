"""Metadata values: their types, and how to skip, decode and encode one.

A type ("kind" in the code) has GGUF's own name, with `[]` for an array: `uint32`, `float32[]`.
Strings are UTF-8; bytes that are not UTF-8 survive decoding and encoding (surrogateescape).

    value = type id u32, then    number:  its bytes, little endian
                                 string:  length u64, bytes
                                 array:   type id u32, count u64, the elements
"""

import struct
from typing import Any, NamedTuple

from edgemed.gguf.cursor import U32, U64, Cursor
from edgemed.gguf.flaw import MALFORMED, Flaw

Buffer = bytes | bytearray | memoryview


class Number(NamedTuple):
    """A number type: GGUF's name, the letter of `struct`, the size."""

    name: str
    letter: str
    nbytes: int


NUMBERS: dict[int, Number] = {
    0: Number("uint8", "B", 1),
    1: Number("int8", "b", 1),
    2: Number("uint16", "H", 2),
    3: Number("int16", "h", 2),
    4: Number("uint32", "I", 4),
    5: Number("int32", "i", 4),
    6: Number("float32", "f", 4),
    7: Number("bool", "?", 1),
    10: Number("uint64", "Q", 8),
    11: Number("int64", "q", 8),
    12: Number("float64", "d", 8),
}
STRING = 8
ARRAY = 9
IDS = {number.name: id for id, number in NUMBERS.items()} | {"string": STRING}
NAMES = {id: name for name, id in IDS.items()}

MAX_ELEMENTS = 2**30
"""llama.cpp's own limit on the elements of one array."""

MAX_STRINGS = 2**21
"""Each costs a Python object; the largest vocabularies have a quarter of a million tokens."""


def skip_value(cursor: Cursor, thing: str) -> None:
    """Move past one value, type id included; Flaw if its type or length is invalid."""
    type_id = cursor.u32(thing)
    if type_id == ARRAY:
        _skip_array(cursor, thing)
    elif type_id == STRING:
        cursor.skip(cursor.u64(thing), thing)
    elif type_id in NUMBERS:
        cursor.skip(NUMBERS[type_id].nbytes, thing)
    else:
        raise Flaw(f"{thing} has value type {type_id}, which GGUF does not know", MALFORMED)


def _skip_array(cursor: Cursor, thing: str) -> None:
    type_id, count = cursor.u32(thing), cursor.u64(thing)
    if type_id == ARRAY:
        raise Flaw(f"{thing} is an array of arrays, which llama.cpp does not read", MALFORMED)
    if type_id not in NAMES:
        raise Flaw(f"{thing} is an array of type {type_id}, which GGUF does not know", MALFORMED)
    most = MAX_STRINGS if type_id == STRING else MAX_ELEMENTS
    if count > most:
        raise Flaw(f"{thing} claims {count:,} elements, the limit is {most:,}", MALFORMED)
    if type_id == STRING:
        cursor.skip_strings(count, thing)
    else:
        cursor.skip(count * NUMBERS[type_id].nbytes, thing)


def kind_of(raw: Buffer) -> str:
    """The type of an encoded value."""
    type_id = U32(raw, 0)[0]
    return f"{NAMES[U32(raw, 4)[0]]}[]" if type_id == ARRAY else NAMES[type_id]


def length_of(raw: Buffer) -> int:
    """Elements of an array, bytes of a string, 1 for a number; nothing is decoded."""
    type_id = U32(raw, 0)[0]
    at = {ARRAY: 8, STRING: 4}.get(type_id)
    return 1 if at is None else int(U64(raw, at)[0])


def decode(raw: Buffer) -> Any:
    """A value that `skip_value` accepted: int, float, bool, str, list[str] or a 1-D numpy array."""
    type_id = U32(raw, 0)[0]
    if type_id == STRING:
        return str(raw[12:], "utf-8", "surrogateescape")
    if type_id != ARRAY:
        return struct.unpack_from("<" + NUMBERS[type_id].letter, raw, 4)[0]
    element, count = U32(raw, 4)[0], U64(raw, 8)[0]
    return _strings(raw, count) if element == STRING else _numbers(raw, element)


def _strings(raw: Buffer, count: int) -> list[str]:
    strings, at = [], 16
    for _ in range(count):
        start = at + 8
        at = start + U64(raw, at)[0]
        strings.append(str(raw[start:at], "utf-8", "surrogateescape"))
    return strings


def _numbers(raw: Buffer, element: int) -> Any:
    import numpy as np  # only here: reading a header without its arrays needs no numpy

    name = NUMBERS[element].name
    if name == "bool":
        return np.frombuffer(raw, np.uint8, offset=16) != 0
    return np.frombuffer(raw, np.dtype(name).newbyteorder("<"), offset=16)


def encode(kind: str, value: Any) -> bytes:
    """`value` as the bytes of a value of type `kind`; ValueError if it does not fit that type."""
    element = kind.removesuffix("[]")
    if element not in IDS:
        raise ValueError(f"{kind!r} is not a type of metadata value; types are {', '.join(IDS)}")
    type_id = IDS[element]
    if not kind.endswith("[]"):
        return struct.pack("<I", type_id) + _elements(kind, type_id, [value])
    values = list(value)
    head = struct.pack("<IIQ", ARRAY, type_id, len(values))
    return head + _elements(kind, type_id, values)


def _elements(kind: str, type_id: int, values: list[Any]) -> bytes:
    if type_id == STRING:
        return b"".join(_string(kind, value) for value in values)
    try:
        return struct.pack(f"<{len(values)}{NUMBERS[type_id].letter}", *values)
    except (struct.error, OverflowError, TypeError) as error:
        raise ValueError(f"not a {kind} value: {error}") from None


def _string(kind: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"not a {kind} value: {type(value).__name__}")
    text = value.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(text)) + text
