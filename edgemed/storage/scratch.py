"""Temporary folders, and the removal of those that killed processes left.

A killed process cannot clean up. So a process holds a file in its folder for as long as it lives,
and whoever makes the next folder of that kind there removes those that nobody holds any more.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgemed.errors import EdgemedError
from edgemed.storage import positional
from edgemed.storage.held import Busy, hold

LOCK = ".held"
TRIES = 100
HEX = "[0-9a-f]"


@contextmanager
def scratch_folder(beside: Path, kind: str) -> Iterator[Path]:
    """A new folder `.edgemed-KIND-...` in `beside`, for its user alone; gone when the block ends.

    EdgemedError if none can be made. Folders of this kind that dead processes left are removed
    first.
    """
    remove_left(beside, kind)
    folder, fd = _made(beside, kind)
    try:
        yield folder
    finally:
        _remove(folder, fd)


def remove_left(beside: Path, kind: str) -> None:
    """Remove the folders of this kind in `beside` whose processes are dead."""
    with suppress(OSError):
        for folder in beside.glob(f"{_start_of(kind)}{HEX * 16}"):
            with suppress(OSError, EdgemedError):
                _remove_dead(folder)


def _remove_dead(folder: Path) -> None:
    """Remove `folder` if it is this user's and nobody holds it; a link is left alone."""
    if folder.is_symlink() or not folder.is_dir() or not positional.is_own(folder.stat()):
        return
    _remove(folder, hold(folder / LOCK, keep=True))


def _remove(folder: Path, fd: int) -> None:
    """Remove a held folder and close the file in it, in the order that this system allows."""
    if not positional.RENAMES_OPEN:
        os.close(fd)
    shutil.rmtree(folder, ignore_errors=True)
    if positional.RENAMES_OPEN:
        os.close(fd)


def _made(beside: Path, kind: str) -> tuple[Path, int]:
    """A new folder, and the file in it that is held."""
    for _ in range(TRIES):
        folder = beside / f"{_start_of(kind)}{secrets.token_hex(8)}"
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise _cannot(beside, error.strerror) from error
        try:
            return folder, hold(folder / LOCK)
        except Busy:  # another process took it for an abandoned one
            continue
        except EdgemedError:
            if folder.exists():
                shutil.rmtree(folder, ignore_errors=True)
                raise
    raise _cannot(beside, "other processes remove it")


def _start_of(kind: str) -> str:
    return f".edgemed-{kind}-"


def _cannot(beside: Path, reason: str | None) -> EdgemedError:
    return EdgemedError(
        f"cannot make a folder in {beside}: {reason}",
        "free some disk space, and see that you may write there",
    )
