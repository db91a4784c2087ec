"""Which pieces of an output are on disk already: a line for each, in a file beside the `.part`.

    {"recipe": "...", "inputs": [...], ...}  what the output is made from  crc32 of the line
    81920 4608 7f3a90c1d2e4b586              offset, bytes, XXH64          crc32 of the line

After a kill or a power cut, `--resume` reads the lines, reads each piece again and counts it as
done only if its checksum holds: a line is a claim, the bytes are the proof. So no sync is needed
while a merge runs. The first line includes the hash of every input, taken before the first
piece was made: without it nobody could tell later from which bytes a piece comes. A merge
that is not to be resumed knows no hashes yet; its journal names no piece and only keeps other
merges away from this output. Knows bytes and offsets, no tensors.
"""

import json
import os
import re
import threading
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from edgemed_native.xxh64 import xxh64

from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.storage.bounded import json_of, read_bounded, read_stream
from edgemed.storage.held import give_up, hold
from edgemed.storage.output import Output, journal_of
from edgemed.storage.positional import Buffer

Identity = Mapping[str, Any]
"""What two outputs must share to be the same, by its name in a refusal; `inputs` are names and
sizes.
"""

Contents = Callable[[], list[str]]
INPUTS, HASHES = "inputs", "sha256"
PIECE = re.compile(r"(\d{1,19}) (\d{1,19}) ([0-9a-f]{16})", re.ASCII)
MOST_PIECES = 1_000_000
"""Most pieces in a journal: each is read again before a merge continues."""
MOST_TIMES = 16
"""How often the bytes of an output may be noted: once for every stop."""
LARGEST = 1 << 30
"""Bytes of one piece, which is read into memory: a merge works in far smaller ones."""
ANEW = "start over instead of resuming"


class WrittenPiece(NamedTuple):
    """Bytes that were written."""

    offset: int
    nbytes: int
    checksum: int


class Journal:
    """The journal of one output; only the process that has it open may write that output.

    `contents` gives the sha256 of every input, in order; None for a merge that is not to be
    resumed: then no piece is noted, and nothing stays when the work stops early.
    """

    def __init__(self, path: Path, identity: Identity, contents: Contents | None) -> None:
        """Open the journal; Refused, with nothing changed, if it was begun for other inputs or
        options."""
        self.path, self.hashes = path, list[str]()
        self._identity, self._contents = json.loads(json.dumps(identity)), contents
        self._output: Output | None = None
        self._lock = threading.Lock()
        self._fd = hold(path, keep=True)
        opened = False
        try:
            self._keep = os.fstat(self._fd).st_size > 0
            self._claims = list(self._before()) if contents else []
            if not self._claims:
                self._begin()
            self._keep, opened = bool(self._claims), True
        except OSError as error:
            raise self._failed(error) from error
        finally:
            if not opened:
                self._close()

    def of(self, output: Output) -> list[WrittenPiece]:
        """Keep the journal of `output` from now on; returns the pieces on disk, each read again."""
        self._output, self._keep = output, self._contents is not None
        self._refuse_too_much(output)
        return [piece for piece in self._claims if _holds(output, piece)]

    def _refuse_too_much(self, output: Output) -> None:
        """InvalidFile where a piece lies outside the output, or all of them are more than it can
        need."""
        if not all(output.has(piece.offset, piece.nbytes) for piece in self._claims):
            raise InvalidFile(f"{self.path} names bytes outside this output", ANEW)
        claimed, most = sum(p.nbytes for p in self._claims), MOST_TIMES * output.nbytes
        if claimed > most:
            raise InvalidFile(
                f"{self.path} names {claimed:,} bytes as written, more than {most:,}", ANEW
            )

    def write(self, offset: int, buffer: Buffer) -> None:
        """Write to the output, then note it; safe from several threads."""
        assert self._output is not None
        self._output.write(offset, buffer)
        if self._contents:
            self._append(checked(shown(piece_of(offset, buffer))))

    def _begin(self) -> None:
        """Start an empty journal: its first line, with the hashes if they are needed."""
        if self._contents and not self.hashes:
            self.hashes = self._contents()
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._keep = False
        self._append(checked(json.dumps(self._identity | {HASHES: self.hashes})))

    def _before(self) -> Iterator[WrittenPiece]:
        """The pieces an earlier attempt noted; Refused if it made something else.

        Leaves the file's position, and its end, after the last line that is whole.
        """
        lines = lines_in(self._all())
        first = next(lines, None)
        begun = beginning_of(first, self.path)
        if first is None or not begun.get(HASHES):
            return
        self._refuse_other(begun)
        size = len(checked(first).encode())
        for number, line in enumerate(lines, 1):
            if number > MOST_PIECES:
                raise InvalidFile(f"{self.path} has more than {MOST_PIECES:,} pieces", ANEW)
            size += len(checked(line).encode())
            yield piece_in(line, self.path)
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)

    def _all(self) -> bytes:
        """The whole file."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        with os.fdopen(self._fd, "rb", closefd=False) as file:
            return read_stream(file, "journal", str(self.path))

    def _refuse_other(self, begun: Identity) -> None:
        """Compare the words first, then the hashes of the inputs."""
        changed = [word for word, now in self._identity.items() if begun.get(word) != now]
        if not changed:
            assert self._contents is not None
            self.hashes = self._contents()
            pairs = zip(self._identity[INPUTS], self.hashes, begun[HASHES], strict=False)
            names = [name for (name, _), now, then in pairs if now != then]
            changed = [f"inputs ({', '.join(names)}: their bytes have changed)"] if names else []
            changed = changed or ([INPUTS] if len(begun[HASHES]) != len(self.hashes) else [])
        if changed:
            raise Refused(
                f"{self.path.name} was begun with other {', '.join(changed)}",
                "give the same inputs and options as before, or start over instead of resuming",
            )

    def _append(self, text: str) -> None:
        data = text.encode()
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError as error:
                raise self._failed(error) from error

    def _failed(self, error: OSError) -> EdgemedError:
        return EdgemedError(
            f"writing {self.path} failed: {error.strerror}",
            "free some disk space or choose another folder; the inputs are untouched",
        )

    def remove(self) -> None:
        """Remove the journal: nothing is left to resume."""
        self._keep = False
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            if self._keep:
                os.close(self._fd)
            else:
                give_up(self.path, self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def shown(piece: WrittenPiece) -> str:
    """The piece's line."""
    return f"{piece.offset} {piece.nbytes} {piece.checksum:016x}"


def checked(line: str) -> str:
    """The line as it is written, with its own checksum."""
    return f"{line}\t{zlib.crc32(line.encode()):08x}\n"


def lines_of(path: Path) -> Iterator[str]:
    """Lines of a journal up to the first that is cut or damaged; none if it is not a plain file."""
    plain = path.is_file() and not path.is_symlink()
    return lines_in(read_bounded(path, "journal")) if plain else iter(())


def lines_in(data: bytes) -> Iterator[str]:
    """Lines up to the first that is cut or damaged."""
    for raw in data.split(b"\n"):
        line, found, _ = raw.decode("utf-8", "replace").partition("\t")
        if not found or checked(line).encode() != raw + b"\n":
            return
        yield line


def can_go_on(out: Path) -> bool:
    """Whether an earlier attempt at `out` left something that can be resumed."""
    try:
        first = next(lines_of(journal_of(out)), None)
        return bool(beginning_of(first, journal_of(out)).get(HASHES))
    except (InvalidFile, OSError):
        return False


def written_of(out: Path) -> int:
    """Bytes that the journal of `out` claims. InvalidFile where it is not a journal."""
    lines = islice(lines_of(journal_of(out)), 1, MOST_PIECES + 1)
    return sum(piece_in(line, journal_of(out)).nbytes for line in lines)


def beginning_of(line: str | None, path: Path) -> dict[str, Any]:
    """The first line of the journal `path`; InvalidFile where it is not as edgemed writes them."""
    try:
        begun = json_of(line) if line else {}
    except ValueError:
        begun = None
    hashes = begun.get(HASHES, []) if isinstance(begun, dict) else None
    if not isinstance(hashes, list) or not all(isinstance(sha, str) for sha in hashes):
        raise InvalidFile(f"the first line of {path} is not as edgemed writes journals", ANEW)
    assert isinstance(begun, dict)
    return begun


def piece_in(line: str, path: Path) -> WrittenPiece:
    """The piece that a line of the journal `path` names; InvalidFile where it names none."""
    found = PIECE.fullmatch(line)
    if found is None:
        raise InvalidFile(f"a line of {path} does not name a piece of a file", ANEW)
    if int(found[2]) > LARGEST:
        raise InvalidFile(
            f"{path} names a piece of {int(found[2]):,} bytes, more than {LARGEST:,}", ANEW
        )
    return WrittenPiece(int(found[1]), int(found[2]), int(found[3], 16))


def _holds(output: Output, piece: WrittenPiece) -> bool:
    buffer = np.empty(piece.nbytes, np.uint8)
    output.read(piece.offset, buffer)
    return piece_of(piece.offset, buffer) == piece


def piece_of(offset: int, buffer: Buffer) -> WrittenPiece:
    """What to note of a buffer that was written at `offset`."""
    data = np.frombuffer(buffer, np.uint8)
    return WrittenPiece(offset, data.size, xxh64(data))


class WrittenPieces:
    """Pieces in the order of their offsets; a piece lies in one tensor and has whole rows."""

    def __init__(self, pieces: Sequence[WrittenPiece]) -> None:
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
