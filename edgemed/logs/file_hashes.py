"""SHA-256 of model files, stored in the log's database until a file changes: no draft waits twice.

This is not evidence: it says which file was read, and is computed again if it is missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemed.errors import EdgemedError
from edgemed.logs.audit import Log, written


def file_hash(log: Log, path: Path) -> str:
    """SHA-256 of a file, remembered until its size or time of change differs."""
    with _readable(path):
        state = state_of(path)
    query = "SELECT hash FROM files WHERE path = ? AND size = ? AND mtime = ?"
    with written(log.place) as rows:
        row = rows.execute(query, state).fetchone()
    if row:
        return str(row[0])
    with _readable(path), path.open("rb") as file:
        digest = hash_of(file)
    _remember(log, state, digest)
    return digest


def remember(log: Log, path: Path, digest: str) -> None:
    """Take over the SHA-256 of a file that was just read, so that no draft waits for it."""
    with _readable(path):
        state = state_of(path)
    _remember(log, state, digest)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EdgemedError(
            f"{path} cannot be read: {error.strerror}", "check that the model file is still there"
        ) from None


def state_of(path: Path) -> tuple[str, int, int]:
    """What shows that a file is still the same: its path, size and time of change."""
    state = path.stat()
    return str(path.absolute()), state.st_size, state.st_mtime_ns


def hash_of(file: Any) -> str:
    """SHA-256 of an open binary file."""
    from hashlib import file_digest

    return file_digest(file, "sha256").hexdigest()


def _remember(log: Log, state: tuple[str, int, int], digest: str) -> None:
    with written(log.place) as rows:
        rows.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (*state, digest))
