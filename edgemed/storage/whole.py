"""The one way to write a small file: whole or not at all, on the disk, readable by its user alone.

The bytes go into a new file beside the final name, are synced, and take that name in one step;
then the folder is synced. A kill or a full disk leaves what stood there before. A link that was
planted under the temporary name is never followed: the name is random and must be new.
"""

import os
import secrets
from pathlib import Path

from edgemed.storage import positional

FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | positional.O_BINARY | positional.O_NOFOLLOW


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` with `data`, mode 0600. OSError leaves what stood there, and nothing else."""
    part = _written(path, data)
    try:
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    positional.sync_folder(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write `data` under a name that nothing has yet; FileExistsError where something has it."""
    part = _written(path, data)
    try:
        positional.name_new(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    positional.sync_folder(path.parent)


def private_folder(folder: Path) -> None:
    """Make `folder`, and what is missing above it, for its user alone (0700, whatever the umask).

    A folder that is there already keeps its mode: it may be shared on purpose.
    """
    for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _written(path: Path, data: bytes) -> Path:
    """`data` in a new synced file beside `path`; removed again if that fails."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
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
