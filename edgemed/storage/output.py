"""Output files that get their final names only when all of them are complete.

They are written as `NAME.part` in the same folder, at planned positions from any thread, then
synced and renamed. If anything fails before that, no new file has a final name. Only one process
at a time has a `NAME.part`, until it gets its final name. Only the user can read the files,
whatever the umask.
"""

import os
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from edgemed.errors import EdgemedError, Refused
from edgemed.storage import positional
from edgemed.storage.held import give_up, hold
from edgemed.storage.whole import name_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgemed.storage.positional import Buffer


@dataclass(slots=True)
class ShardFile:
    """An open `.part` file of `size` bytes, which holds the output's bytes from `start` on."""

    path: Path
    start: int
    size: int
    fd: int = -1

    @property
    def part(self) -> Path:
        return part_of(self.path)


def part_of(path: Path) -> Path:
    """The name under which a file is written until it is complete."""
    return _beside(path, ".part")


def journal_of(out: Path) -> Path:
    """The file that records which pieces of an output are written, until the output is complete."""
    return _beside(out, ".journal")


def _beside(path: Path, ending: str) -> Path:
    if not path.name:
        raise Refused(f"the output {path} is a folder", "name a file")
    return path.with_name(path.name + ending)


class Output:
    """Open `.part` files; `finish` gives them their final names, leaving early removes them.

    with Output([(path, size)]) as output:
        output.write(0, header)
        output.sync()
        output.finish()

    Offsets count through all files, one after the other. With `keep`, the parts stay when the work
    stops early, so that it can be resumed. Only with `replace` may an output replace another file.
    """

    def __init__(
        self, files: Sequence[tuple[Path, int]], keep: bool = False, replace: bool = False
    ) -> None:
        self._keep, self._replace = keep, replace
        self._parts: list[ShardFile] = []
        self.sync_seconds = 0.0
        start = 0
        for path, size in files:
            self._parts.append(ShardFile(path, start, size))
            start += size
        self._starts = [part.start for part in self._parts]
        opened = False
        try:
            for part in self._parts:
                self._open(part)
            opened = True
        finally:
            if not opened:
                self.abandon()

    def _open(self, part: ShardFile) -> None:
        part.fd = hold(part.part, self._keep)
        if not self._replace and os.path.lexists(part.path):
            raise _taken(part.path)
        try:
            positional.reserve(part.fd, part.size)
        except OSError as error:
            raise _disk_error(part.part, error, part.size) from error

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(part.size for part in self._parts)

    def has(self, offset: int, nbytes: int) -> bool:
        """Whether one file has that many bytes from there on."""
        part = self._at(offset)
        return part.start <= offset and 0 < nbytes <= part.start + part.size - offset

    def write(self, offset: int, buffer: "Buffer") -> None:
        """Write `buffer` at byte `offset`, inside one file; safe from several threads."""
        part = self._at(offset)
        try:
            positional.write_at(part.fd, buffer, offset - part.start)
        except OSError as error:
            raise _disk_error(part.part, error, None) from error

    def read(self, offset: int, buffer: "NDArray[Any]") -> None:
        """Fill `buffer` from byte `offset`."""
        part = self._at(offset)
        try:
            positional.read_into(part.fd, buffer, offset - part.start)
        except OSError as error:
            raise _disk_error(part.part, error, None) from error

    def _at(self, offset: int) -> ShardFile:
        return self._parts[bisect_right(self._starts, offset) - 1]

    def sync(self) -> None:
        """Wait until every byte is on the disk."""
        start = time.perf_counter()
        for part in self._parts:
            try:
                os.fsync(part.fd)
            except OSError as error:
                raise _disk_error(part.part, error, None) from error
        self.sync_seconds = time.perf_counter() - start

    def finish(self) -> None:
        """Give all files their final names; on any failure, none gets one."""
        if not positional.RENAMES_OPEN:
            self._close()
        try:
            name_all([(part.part, part.path) for part in self._parts], self._replace)
        except OSError as error:
            if not positional.RENAMES_OPEN and not self._keep:
                for part in self._parts:
                    part.part.unlink(missing_ok=True)
            raise self._unnamed(error) from error
        self._close()

    def _unnamed(self, error: OSError) -> EdgemedError:
        if isinstance(error, FileExistsError):
            return _taken(Path(error.filename or self._parts[0].path))
        return _disk_error(self._parts[0].path, error, None)

    def discard(self) -> None:
        """Do not keep the parts for resuming: leaving early removes them."""
        self._keep = False

    def abandon(self) -> None:
        """Close the `.part` files that are still open, and remove them unless they are kept."""
        for part in self._parts:
            if part.fd >= 0 and not self._keep:
                give_up(part.part, part.fd)
                part.fd = -1
        self._close()

    def _close(self) -> None:
        for part in self._parts:
            if part.fd >= 0:
                os.close(part.fd)
                part.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


def _taken(path: Path) -> Refused:
    return Refused(f"{path} exists already", "choose another output, or replace it")


def _disk_error(part: Path, error: OSError, size: int | None) -> EdgemedError:
    need = f" ({size:,} bytes needed)" if size is not None else ""
    return EdgemedError(
        f"writing {part} failed: {error.strerror}{need}",
        "free some disk space or choose another output folder; the inputs are untouched",
    )
