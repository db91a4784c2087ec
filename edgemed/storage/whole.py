"""The one way to write a small file: whole or not at all, on the disk, readable by its user alone.

The bytes go into a new file beside the final name, are synced, and take that name in one step;
then the folder is synced. A kill or a full disk leaves what stood there before. A link that was
planted under the temporary name is never followed: the name is random and must be new.
"""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgemed.storage import positional

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | positional.O_BINARY | positional.O_NOFOLLOW


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, mode 0600. OSError leaves what stood there, and nothing else.

    A link at `path` is replaced, not followed. Where only the last sync fails, `data` stands there.
    """
    _write(path, data, replace=True)


def write_new(path: Path, data: bytes) -> None:
    """Write `data` under a name that nothing has yet; FileExistsError where something has it."""
    _write(path, data, replace=False)


def name_all(files: Sequence[tuple[Path, Path]], replace: bool) -> None:
    """Rename the first path of each pair to the second: all of them, or on any failure none.

    Raises FileExistsError where a name is taken, unless `replace`. Of one file the step is atomic.
    Of several the old ones stand aside as NAME.old-... until the last new one has its name, so that
    a kill can leave too few files of a set, and never files of two sets under final names.
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
    """Make `folder`, and what is missing above it, for its user alone (0700, whatever the umask).

    A folder that is there already keeps its mode: it may be shared on purpose. One that appears
    while it is being made (another start of ours, or somebody's in a shared place) must be ours.
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
    """One rename, noted where it can be undone."""
    if replace:
        lost = os.path.lexists(after)
        before.replace(after)
    else:
        lost = False
        positional.name_new(before, after)
    if not lost:
        undo.append((before, after))


def _written(path: Path, data: bytes) -> Path:
    """`data` in a new synced file beside `path`; removed again if that fails."""
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
