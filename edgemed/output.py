"""A file that appears under its final name only when it is complete.

It is written as `NAME.part` in the same folder, at planned positions from any thread, then synced
and renamed. Whatever goes wrong before that, no file stands under the final name.
"""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from edgemed import positional
from edgemed.errors import EdgemedError, Refused
from edgemed.positional import Buffer


class Output:
    """An open `.part` file of `size` bytes; `finish` makes it `path`, leaving early removes it.

    with Output(path, size) as output:
        output.write(0, header)
        output.finish()
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self.sync_seconds = 0.0
        self._fd = _open_part(self.part)
        try:
            positional.reserve(self._fd, size)
        except OSError as error:
            self.abandon()
            raise _disk_error(self.part, error, size) from error

    def write(self, offset: int, buffer: Buffer) -> None:
        """Write `buffer` at byte `offset`; safe from several threads."""
        try:
            positional.write_at(self._fd, buffer, offset)
        except OSError as error:
            raise _disk_error(self.part, error, None) from error

    def finish(self) -> None:
        """Sync to the disk, then rename to the final name, replacing what stood there."""
        start = time.perf_counter()
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise _disk_error(self.part, error, None) from error
        self.sync_seconds = time.perf_counter() - start
        os.close(self._fd)
        self._fd = -1
        self.part.replace(self.path)
        positional.sync_folder(self.path.parent)

    def abandon(self) -> None:
        """Close and remove the `.part` file, if it is still there."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self.part.unlink(missing_ok=True)

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
