"""Files that appear under their final names only when all of them are complete.

They are written as `NAME.part` in the same folder, at planned positions from any thread, then
synced and renamed. Whatever goes wrong before that, nothing new stands under a final name.
"""

import os
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from edgemed.errors import EdgemedError, Refused
from edgemed.storage import positional
from edgemed.storage.positional import Buffer


@dataclass(slots=True)
class Part:
    """An open `.part` file of `size` bytes, the bytes from `start` of the whole output."""

    path: Path
    start: int
    size: int
    fd: int = -1

    @property
    def part(self) -> Path:
        return part_of(self.path)


def part_of(path: Path) -> Path:
    """The name under which a file is written until it is complete."""
    return path.with_name(path.name + ".part")


class Output:
    """Open `.part` files; `finish` gives them their names, leaving early removes them.

    with Output([(path, size)]) as output:
        output.write(0, header)
        output.sync()
        output.finish()

    Offsets are counted through all files, one after the other. With `keep`, parts stay where they
    are when the work stops early, to be gone on with.
    """

    def __init__(self, files: Sequence[tuple[Path, int]], keep: bool = False) -> None:
        self._keep = keep
        self._parts: list[Part] = []
        self.sync_seconds = 0.0
        start = 0
        for path, size in files:
            self._parts.append(Part(path, start, size))
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

    def _open(self, part: Part) -> None:
        part.fd = _open_part(part.part)
        try:
            positional.reserve(part.fd, part.size)
        except OSError as error:
            raise _disk_error(part.part, error, part.size) from error

    def write(self, offset: int, buffer: Buffer) -> None:
        """Write `buffer` at byte `offset`, inside one file; safe from several threads."""
        part = self._at(offset)
        try:
            positional.write_at(part.fd, buffer, offset - part.start)
        except OSError as error:
            raise _disk_error(part.part, error, None) from error

    def read(self, offset: int, buffer: NDArray[Any]) -> None:
        """Fill `buffer` with what stands at byte `offset`."""
        part = self._at(offset)
        try:
            positional.read_into(part.fd, buffer, offset - part.start)
        except OSError as error:
            raise _disk_error(part.part, error, None) from error

    def _at(self, offset: int) -> Part:
        return self._parts[bisect_right(self._starts, offset) - 1]

    def sync(self) -> None:
        """Have every byte on the disk."""
        start = time.perf_counter()
        for part in self._parts:
            try:
                os.fsync(part.fd)
            except OSError as error:
                raise _disk_error(part.part, error, None) from error
        self.sync_seconds = time.perf_counter() - start

    def finish(self) -> None:
        """Rename to the final names, replacing what stood there."""
        for part in self._parts:
            os.close(part.fd)
            part.fd = -1
            part.part.replace(part.path)
        positional.sync_folder(self._parts[0].path.parent)

    def discard(self) -> None:
        """Nothing of this is to be gone on with: leaving early removes the parts."""
        self._keep = False

    def abandon(self) -> None:
        """Close the `.part` files that are still open, and remove them unless they are kept."""
        for part in self._parts:
            if part.fd >= 0:
                os.close(part.fd)
                part.fd = -1
                if not self._keep:
                    part.part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abandon()


def _open_part(part: Path) -> int:
    try:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | positional.O_BINARY, 0o644)
    except OSError as error:
        raise EdgemedError(
            f"cannot write {part}: {error.strerror}", "choose an output folder you may write to"
        ) from error
    if not positional.lock(fd):
        os.close(fd)
        raise Refused(
            f"{part} is being written by another process", "wait for it, or choose another output"
        )
    return fd


def _disk_error(part: Path, error: OSError, size: int | None) -> EdgemedError:
    need = f" ({size:,} bytes needed)" if size is not None else ""
    return EdgemedError(
        f"writing {part} failed: {error.strerror}{need}",
        "free some disk space or choose another output folder; the inputs are untouched",
    )
