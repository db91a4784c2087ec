"""The one way to write a small file: completely or not at all, durable, readable only by its user.

The bytes go into a new file in the same folder, are synced, and get the final name in one step;
then the folder is synced. A kill or a full disk leaves the old file. A link that somebody planted
under the temporary name is never followed: the name is random and must not exist. The file is
locked while it is written; the next write in that folder removes what a killed process left.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from edgemed.errors import EdgemedError
from edgemed.storage import positional
from edgemed.storage.held import remove
from edgemed.storage.names import refuse_odd_name

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | positional.O_BINARY | positional.O_NOFOLLOW
HEX = "[0-9a-f]"


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, mode 0600. On an OSError the old file stays, and nothing else.

    A link at `path` is replaced, not followed. If only the last sync fails, `path` holds `data`.
    """
    _write(path, data, replace=True)


def write_new(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write `data`, or its pieces, to a new file; FileExistsError if the name is taken."""
    _write(path, data, replace=False)


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """The system's error for writing `path`, with a remedy."""
    try:
        yield
    except OSError as error:
        raise EdgemedError(
            f"cannot write {path}: {error.strerror or type(error).__name__}",
            "choose a folder that you may write to and that has room",
        ) from error


def name_all(files: Sequence[tuple[Path, Path]], replace: bool) -> None:
    """Rename the first path of each pair to the second: all of them, or on any failure none.

    Raises FileExistsError if a name is taken, unless `replace`. For one file the step is atomic.
    For several, the old files are kept as NAME.old-... until the last new one has its name: a kill
    can leave an incomplete set, but never files of two sets under final names. The next set that
    may replace these names removes the old files that a kill left.
    """
    undo: list[tuple[Path, Path]] = []
    try:
        if replace and len(files) > 1:
            for _, path in files:
                if os.path.lexists(path):
                    aside = path.with_name(f"{path.name}.old-{secrets.token_hex(4)}")
                    _rename(path, aside, False, undo)
        for part, path in files:
            _rename(part, path, replace and len(files) == 1, undo)
        for folder in {path.parent for _, path in files}:
            positional.sync_folder(folder)
    except BaseException:
        for before, after in reversed(undo):
            with suppress(OSError):
                after.rename(before)
        raise
    if replace and len(files) > 1:
        for path in (path for _, path in files):
            for old in path.parent.glob(f"{escape(path.name)}.old-{HEX * 8}"):
                with suppress(OSError):
                    old.unlink(missing_ok=True)


def private_folder(folder: Path) -> None:
    """Create `folder` and missing parents, readable only by the user (0700, whatever the umask).

    An existing folder keeps its mode: it may be shared on purpose. A folder that appears while it
    is being created (by another edgemed process, or by another user) must belong to this user.
    """
    for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
        try:
            missing.mkdir(mode=0o700)
        except FileExistsError:
            if missing.is_symlink() or not (missing.is_dir() and positional.is_own(missing.stat())):
                raise


def remove_left(folder: Path) -> None:
    """Remove the temporary files of `write_whole` and `write_new` whose processes are dead."""
    if not positional.RENAMES_OPEN:  # here a file that is being written cannot be told from others
        return
    with suppress(OSError):
        for left in folder.glob(_name(HEX * 16)):
            with suppress(OSError, EdgemedError):
                remove(left)


def _write(path: Path, data: bytes | Iterable[bytes], replace: bool) -> None:
    refuse_odd_name(path)
    remove_left(path.parent)
    part, fd = _begun(path.parent)
    try:
        try:
            _fill(fd, data)
            if positional.RENAMES_OPEN:
                name_all([(part, path)], replace)
        finally:
            os.close(fd)
        if not positional.RENAMES_OPEN:
            name_all([(part, path)], replace)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _rename(before: Path, after: Path, replace: bool, undo: list[tuple[Path, Path]]) -> None:
    """One rename, recorded in `undo` so that it can be undone."""
    if replace:
        lost = os.path.lexists(after)
        before.replace(after)
    else:
        lost = False
        positional.name_new(before, after)
    if not lost:
        undo.append((before, after))


def _begun(folder: Path) -> tuple[Path, int]:
    """A new empty file with a random name, locked where the disk has locks."""
    while True:
        part = folder / _name(secrets.token_hex(8))
        fd = os.open(part, FLAGS, 0o600)
        try:
            if positional.lock(fd) and os.path.lexists(part):
                return part, fd
        except OSError:  # a disk without locks: nobody removes what cannot be locked
            return part, fd
        os.close(fd)  # another process took it for an abandoned one


def _fill(fd: int, data: bytes | Iterable[bytes]) -> None:
    """Write all of `data` and sync it to the disk."""
    with os.fdopen(fd, "wb", closefd=False) as file:
        for piece in [data] if isinstance(data, bytes) else data:
            file.write(piece)
        file.flush()
        os.fsync(fd)


def _name(middle: str) -> str:
    return f".edgemed-{middle}.part"
