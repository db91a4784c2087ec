"""A secret key of 32 bytes in a file of its own: written whole or not at all, and never replaced.

Both functions are called under the lock of the database that the key belongs to, so that two
first starts at once cannot make two keys.
"""

import secrets
from pathlib import Path

from edgemed.storage.whole import private_folder, write_whole

KEY_BYTES = 32


def read_key(path: Path) -> bytes | None:
    """The key; None if the file is missing or holds no complete key. OSError passes."""
    try:
        with path.open("rb") as file:
            key = file.read(KEY_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return key if len(key) == KEY_BYTES else None


def make_key(path: Path) -> bytes:
    """A new key, on the disk when this returns; replaces an incomplete one."""
    private_folder(path.parent)
    key = secrets.token_bytes(KEY_BYTES)
    write_whole(path, key)
    return key
