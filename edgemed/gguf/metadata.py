"""The metadata of one file: a mapping over its bytes that decodes a value on access.

`raw` gives a value's bytes as they are in the file, so that a copy is exact, empty strings and
arrays included. Decoded values are not cached: fetch a vocabulary once and keep it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

from edgemed.gguf import values


class ValueSpan(NamedTuple):
    """Where a value (type id included) lies in the header."""

    start: int
    end: int


class Metadata(Mapping[str, Any]):
    """Key -> int, float, bool, str, list[str] or read-only 1-D numpy array, in the file's order."""

    __slots__ = ("_header", "_spans")

    def __init__(self, header: bytes | bytearray, spans: Mapping[str, ValueSpan]) -> None:
        self._header = memoryview(header).toreadonly()
        self._spans = dict(spans)

    @classmethod
    def of(cls, raw: Mapping[str, bytes]) -> Self:
        """The metadata of these values, as `values.encode` gives them."""
        spans: dict[str, ValueSpan] = {}
        at = 0
        for key, value in raw.items():
            spans[key] = ValueSpan(at, at + len(value))
            at += len(value)
        return cls(b"".join(raw.values()), spans)

    def __getitem__(self, key: str) -> Any:
        return values.decode(self.view(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, key: object) -> bool:
        return key in self._spans

    def text(self, key: str) -> str | None:
        """A string; None if the key is missing or its value something else."""
        return str(self[key]) if key in self and self.type_of(key) == "string" else None

    def raw(self, key: str) -> bytes:
        """The value's bytes, type id included, exactly as in the file."""
        return bytes(self.view(key))

    def type_of(self, key: str) -> str:
        """The value's type, such as `uint32`, `string` or `string[]`."""
        return values.kind_of(self.view(key))

    def length_of(self, key: str) -> int:
        """Elements of an array, bytes of a string, 1 for a number; nothing is decoded."""
        return values.length_of(self.view(key))

    def view(self, key: str) -> memoryview:
        """As `raw`, without a copy."""
        start, end = self._spans[key]
        return self._header[start:end]
