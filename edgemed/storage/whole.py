"""The one way to write a small file: completely or not at all, durable, readable only by its user.

The bytes go into a new file in the same folder, are synced, and get the final name in one step;
then the folder is synced. A kill or a full disk leaves the old file. A link that somebody planted
under the temporary name is never followed: the name is random and must not exist.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgemed.storage import positional

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | positional.O_BINARY | positional.O_NOFOLLOW


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, mode 0600. On an OSError the old file stays, and nothing else.

    A link at `path` is replaced, not followed. If only the last sync fails, `path` holds `data`.
    """
    _write(path, data, replace=True)


def write_new(path: Path, data: bytes) -> None:
    """Write `data` to a new file; FileExistsError if the name is taken."""
    _write(path, data, replace=False)


def name_all(files: Sequence[tuple[Path, Path]], replace: bool) -> None:
    """Rename the first path of each pair to the second: all of them, or on any failure none.

    Raises FileExistsError if a name is taken, unless `replace`. For one file the step is atomic.
    For several, the old files are kept as NAME.old-... until the last new one has its name: a kill
    can leave an incomplete set, but never files of two sets under final names.
    """
    undo: list[tuple[Path, Path]] = []
    aside: list[Path] = []
    try:
        if replace and len(files) > 1:
            for _, path in files:
                if os.path.lexists(path):
                    aside.append(path.with_name(f"{path.name}.old-{secrets.token_hex(4)}"))
                    _rename(path, aside[-1], False, undo)
        for part, path in files:
            _rename(part, path, replace and len(files) == 1, undo)
        for folder in {path.parent for _, path in files}:
            positional.sync_folder(folder)
    except BaseException:
        for before, after in reversed(undo):
            with suppress(OSError):
                after.rename(before)
        raise
    for old in aside:
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


def _write(path: Path, data: bytes, replace: bool) -> None:
    part = _written(path, data)
    try:
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


def _written(path: Path, data: bytes) -> Path:
    """`data` in a new, synced file in the folder of `path`; removed again on failure."""
    part = path.with_name(f".edgemed-{secrets.token_hex(8)}.part")
    fd = os.open(part, FLAGS, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part
