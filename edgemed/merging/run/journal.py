"""What of an output is on the disk already: a line for every piece written, beside the `.part`.

    {"recipe": "...", "inputs": [...], ...}  what the output is made of    crc32 of the line
    81920 4608 7f3a90c1d2e4b586              offset, bytes, XXH64          crc32 of the line

After a kill or a power cut, `--resume` reads the lines, reads each piece again and counts it as
done only if its checksum holds: a line is a claim, the bytes are the proof. So no sync is needed
while a merge runs. Knows bytes and offsets, no tensors.
"""

import json
import os
import threading
import zlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from edgemed_native.xxh64 import xxh64

from edgemed.errors import EdgemedError, Refused
from edgemed.storage import positional
from edgemed.storage.output import Output
from edgemed.storage.positional import Buffer

Identity = Mapping[str, Any]
"""What makes two outputs the same, by words that a refusal can name."""


class Piece(NamedTuple):
    """Bytes that were written."""

    offset: int
    nbytes: int
    checksum: int


class Journal:
    """An output that keeps book: `write` writes to it, then says so in the journal's file.

    With `resume`, what an earlier attempt wrote is in `done`, and the file stays when the work
    stops early again.
    """

    def __init__(self, path: Path, identity: Identity, output: Output, resume: bool) -> None:
        self.path, self._output, self._keep = path, output, resume
        pieces = list(self._before(identity)) if resume else []
        self.done = [piece for piece in pieces if self._holds(piece)]
        self._lock = threading.Lock()
        try:
            self._fd = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | positional.O_BINARY, 0o644
            )
        except OSError as error:
            raise EdgemedError(
                f"cannot write {path}: {error.strerror}", "choose an output folder you may write to"
            ) from error
        lines = [json.dumps(identity), *(shown(piece) for piece in self.done)]
        self._append("".join(checked(line) for line in lines))

    def write(self, offset: int, buffer: Buffer) -> None:
        """Write to the output, then note it; safe from several threads."""
        self._output.write(offset, buffer)
        self._append(checked(shown(piece_of(offset, buffer))))

    def _append(self, text: str) -> None:
        data = text.encode()
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError as error:
                raise EdgemedError(
                    f"writing {self.path} failed: {error.strerror}",
                    "free some disk space or choose another folder; the inputs are untouched",
                ) from error

    def _before(self, identity: Identity) -> Iterator[Piece]:
        """What an earlier attempt noted; Refused if it was at another output."""
        lines = lines_of(self.path)
        first = next(lines, None)
        if first is None:
            return
        begun = json.loads(first)
        now = json.loads(json.dumps(identity))
        changed = [word for word in now if begun.get(word) != now[word]]
        if changed:
            raise Refused(
                f"{self.path.name} was begun with other {', '.join(changed)}",
                "begin anew without --resume, or with the same inputs and options as before",
            )
        for line in lines:
            offset, nbytes, checksum = line.split()
            yield Piece(int(offset), int(nbytes), int(checksum, 16))

    def _holds(self, piece: Piece) -> bool:
        buffer = np.empty(piece.nbytes, np.uint8)
        self._output.read(piece.offset, buffer)
        return piece_of(piece.offset, buffer) == piece

    def remove(self) -> None:
        """Nothing is left to resume."""
        self._keep = False
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            if not self._keep:
                self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()


def journal_of(out: Path) -> Path:
    """Where the journal of an output stands."""
    return out.with_name(out.name + ".journal")


def shown(piece: Piece) -> str:
    """The piece's line."""
    return f"{piece.offset} {piece.nbytes} {piece.checksum:016x}"


def checked(line: str) -> str:
    """The line as it is written, with its own checksum."""
    return f"{line}\t{zlib.crc32(line.encode()):08x}\n"


def lines_of(path: Path) -> Iterator[str]:
    """Lines up to the first that is cut or garbled; none if there is no file."""
    if not path.exists():
        return
    for raw in path.read_bytes().split(b"\n"):
        line, found, _ = raw.decode("utf-8", "replace").partition("\t")
        if not found or checked(line).encode() != raw + b"\n":
            return
        yield line


def piece_of(offset: int, buffer: Buffer) -> Piece:
    """What to note of a buffer that was written at `offset`."""
    data = np.frombuffer(buffer, np.uint8)
    return Piece(offset, data.size, xxh64(data))


class Pieces:
    """Pieces in the order of their offsets; a piece lies in one tensor and has whole rows."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._spans = sorted((p.offset, p.offset + p.nbytes) for p in pieces)

    def missing_rows(self, offset: int, row_bytes: int, rows: int) -> list[tuple[int, int]]:
        """(first row, rows) of each run of rows of a tensor at `offset` that no piece covers."""
        end = offset + rows * row_bytes
        low, high = (bisect_left(self._spans, (at, 0)) for at in (offset, end))
        gaps, at = [], offset
        for first, last in [*self._spans[low:high], (end, end)]:
            if first > at:
                gaps.append(((at - offset) // row_bytes, (first - at) // row_bytes))
            at = max(at, last)
        return gaps
