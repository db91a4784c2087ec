"""Moves forward through the start of a file, reading only as far as needed.

Every size in a header is compared with the file's size before a byte is read or a buffer grows, so
a header can never cost more memory than the file is long, nor more than MAX_HEADER.
Plain reads, no memory map: a failing stick or network share gives an error, not a crash.
"""

import struct
from typing import BinaryIO

from edgemed.gguf.flaw import DAMAGED, MALFORMED, Flaw, quoted

MAX_HEADER = 128 * 1024**2
"""Bytes of metadata and tensor table. The largest vocabularies in use take about 20 MB."""

FIRST_READ = 256 * 1024

U32 = struct.Struct("<I").unpack_from
U64 = struct.Struct("<Q").unpack_from


class Cursor:
    """`data[:at]` has been parsed; `thing` in each call names what an error is about."""

    __slots__ = ("at", "data", "size", "stream")

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream = stream
        self.size = size
        self.data = bytearray()
        self.at = 0

    @property
    def remaining(self) -> int:
        """Bytes of the file after the current position."""
        return self.size - self.at

    def reach(self, end: int, thing: str) -> None:
        """Read on until `data` holds the file's first `end` bytes."""
        if end <= len(self.data):
            return
        self.allow(end, thing)
        goal = min(self.size, max(end, 4 * len(self.data), FIRST_READ))
        while len(self.data) < goal:
            piece = self.stream.read(goal - len(self.data))
            if not piece:
                raise Flaw(f"the file became shorter than {self.size:,} bytes while read", DAMAGED)
            self.data += piece

    def allow(self, end: int, thing: str) -> None:
        """Flaw if a header of this file cannot go as far as byte `end`; reads nothing."""
        if end > self.size:
            problem = f"{thing} would end at byte {end:,}, but the file ends at {self.size:,}"
            raise Flaw(problem, DAMAGED)
        if end > MAX_HEADER:
            problem = f"{thing} would end at byte {end:,}, past the limit of {MAX_HEADER:,} bytes"
            raise Flaw(problem, MALFORMED)

    def skip(self, nbytes: int, thing: str) -> None:
        """Move past `nbytes`, which must be in the file."""
        self.reach(self.at + nbytes, thing)
        self.at += nbytes

    def skip_same(self, bytes_: memoryview) -> bool:
        """Move past `bytes_` if the file goes on with exactly these; else stay and return False."""
        end = self.at + len(bytes_)
        if end > min(self.size, MAX_HEADER):
            return False
        self.reach(end, "a value")
        if not self.data.startswith(bytes_, self.at):
            return False
        self.at = end
        return True

    def u32(self, thing: str) -> int:
        """The next unsigned 32-bit number."""
        at = self.at
        self.skip(4, thing)
        number: int = U32(self.data, at)[0]
        return number

    def u64(self, thing: str) -> int:
        """The next unsigned 64-bit number."""
        at = self.at
        self.skip(8, thing)
        number: int = U64(self.data, at)[0]
        return number

    def name(self, limit: int, thing: str) -> str:
        """The next string as a name: 1 to `limit` bytes of UTF-8 without NUL."""
        length = self.u64(thing)
        if not 0 < length <= limit:
            raise Flaw(f"{thing} is {length:,} bytes long, not 1 to {limit:,}", MALFORMED)
        start = self.at
        self.skip(length, thing)
        raw = bytes(self.data[start : self.at])
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise Flaw(f"{thing} is not UTF-8: {quoted(repr(raw))}", DAMAGED) from None
        if "\0" in text:
            raise Flaw(f"{thing} holds a NUL character: {quoted(text)}", MALFORMED)
        return text

    def skip_strings(self, count: int, thing: str) -> None:
        """Move past `count` strings, reading only their lengths."""
        self.allow(self.at + 8 * count, thing)
        left = count
        while left:
            self.reach(self.at + 8, thing)
            self.at, left = _walk(self.data, self.at, left)
            self.reach(self.at, thing)


def _walk(data: bytearray, at: int, left: int) -> tuple[int, int]:
    """Step over `left` strings, as far as `data` reaches: the new position, and how many remain."""
    last, unpack = len(data) - 8, U64
    for remaining in range(left, 0, -1):
        if at > last:
            return at, remaining
        at += 8 + unpack(data, at)[0]
    return at, 0
