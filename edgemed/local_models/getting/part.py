"""A file being fetched: bytes are added to `NAME.part` until it is complete and its hash is right.

If the transfer breaks, the bytes so far stay and the next attempt resumes. Only a complete file
with the right hash gets the final name.
"""

import os
from collections.abc import Callable, Iterable
from hashlib import file_digest
from pathlib import Path

from edgemed.errors import EdgemedError, Refused
from edgemed.storage import positional
from edgemed.storage.held import Busy, hold
from edgemed.storage.whole import private_folder

Tell = Callable[[int], None]
"""Called with the number of bytes so far."""


class PartFile:
    """`target`.part of a file of `size` bytes, held for this process; use it as a context."""

    def __init__(self, target: Path, size: int, tell: Tell) -> None:
        self.target, self.size, self._tell = target, size, tell
        self.path = target.with_name(target.name + ".part")

    def __enter__(self) -> "PartFile":
        private_folder(self.target.parent)
        try:
            self._fd = hold(self.path, keep=True)
        except Busy:
            raise Refused(f"{self.target.name} is being fetched already", "wait for it") from None
        self.done = os.lseek(self._fd, 0, os.SEEK_END)
        if self.done > self.size:
            self.restart()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def restart(self) -> None:
        """Throw away the bytes so far."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self.done = 0

    def add(self, pieces: Iterable[bytes]) -> None:
        """Append `pieces`. EdgemedError if the disk is full; Refused if they are too many."""
        for piece in pieces:
            if self.done + len(piece) > self.size:
                self.restart()
                raise Refused(
                    f"the file has more bytes than the {self.size:,} that the card says",
                    "this is not the file that the card describes; it was not kept",
                )
            self._write(piece)
            self._tell(self.done)

    def _write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            try:
                written = os.write(self._fd, view)
            except OSError as error:
                raise EdgemedError(
                    f"writing {self.path} failed: {error.strerror}",
                    "free some disk space and run the command again: it resumes where it stopped",
                ) from error
            view, self.done = view[written:], self.done + written

    def finish(self, sha256: str) -> Path:
        """Give the complete file its name; Refused, and nothing kept, if its hash is wrong."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._fd), "rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != sha256:
            self.path.unlink()
            raise Refused(
                f"the file has sha256 {found}, but the card says {sha256}",
                "this is not the file that the card describes; it was not kept",
            )
        os.fsync(self._fd)
        self.path.replace(self.target)
        positional.sync_folder(self.target.parent)
        return self.target
