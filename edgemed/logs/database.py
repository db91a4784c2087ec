"""edgemed's own SQLite file: private, synced to disk on commit, waiting for other processes.

Rollback journal, not WAL: at rest the log is one file, so that a plain copy of it is complete, and
it can be read in a read-only folder. `synchronous = EXTRA` also syncs the folder
when the journal goes: with FULL a power cut can bring the journal back, and take a confirmed row.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.storage.whole import private_folder, write_new

PATIENCE = 2.0  # seconds that a step waits for another program; SQLite retries at growing intervals
LONGEST = 16 << 20  # bytes of a row: edgemed never writes more, so larger rows are not read

BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)
UNDECODED = "Could not decode to UTF-8"  # the beginning of Python's message that quotes the text
AGAIN = "your work is unchanged: try the same step again"


class Held(EdgemedError):
    """Another program is using the file: try again later."""


def open_rows(path: Path) -> sqlite3.Connection:
    """Open the file, made 0600 in a private folder if there is none. sqlite3.Error, OSError."""
    if not path.exists():
        private_folder(path.parent)
        with suppress(FileExistsError):  # another process was first
            write_new(path, b"")
    rows = connected(f"{path.absolute().as_uri()}?mode=rw")
    rows.execute("PRAGMA synchronous = EXTRA")
    return rows


def connected(uri: str) -> sqlite3.Connection:
    """A connection that waits, commits only when told, and reads no row of absurd length."""
    rows = sqlite3.connect(
        uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False
    )
    rows.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    return rows


@contextmanager
def transaction(rows: sqlite3.Connection) -> Iterator[None]:
    """A write transaction: nobody else writes until it ends, and an exception inside undoes it."""
    rows.execute("BEGIN IMMEDIATE")
    try:
        yield
        rows.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # after a failed write SQLite may have rolled back already
            rows.execute("ROLLBACK")
        raise


def refuse_newer(rows: sqlite3.Connection, known: int, what: str) -> None:
    """EdgemedError if a later version of edgemed wrote the file: its tables are unknown."""
    (version,) = rows.execute("PRAGMA user_version").fetchone()
    if version > known:
        raise EdgemedError(f"{what} was written by a newer edgemed", "update edgemed")


def is_busy(error: BaseException) -> bool:
    """Whether another program holds the file."""
    return code_of(error) in BUSY


def code_of(error: BaseException) -> int:
    """SQLite's primary result code; 0 if it gave none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def in_words(what: str, path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as EdgemedErrors: what failed, and the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        quotes = str(error).startswith(UNDECODED)  # a traceback would show it too
        raise refusal(what, path, error) from (None if quotes else error)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EdgemedError(
            f"{what} cannot be read or written: {reason}",
            f"check for free space and that you may read and write in {path.parent}; {AGAIN}",
        ) from error


def refusal(what: str, path: Path, error: sqlite3.Error) -> EdgemedError:
    """The error in words. One of SQLite's messages quotes the file: that of a text that is not
    UTF-8. It is never passed on."""
    if is_busy(error):
        return Held(
            f"{what} is in use by another program",
            f"close that program (a backup, a viewer, another edgemed) or wait; {AGAIN}",
        )
    if code_of(error) == sqlite3.SQLITE_FULL:
        return EdgemedError(f"{what} cannot be written: the disk is full", f"free space; {AGAIN}")
    if str(error).startswith(UNDECODED):
        return InvalidFile(
            f"{what} is damaged: a text in it is not UTF-8",
            f"keep {path} as it is, and restore a copy from a backup",
        )
    if code_of(error) in BROKEN:
        return InvalidFile(
            f"{what} is damaged: {error}", f"keep {path} as it is, and restore a copy from a backup"
        )
    return EdgemedError(
        f"{what} cannot be read or written: {error}",
        f"check that you may read and write {path} and its folder; {AGAIN}",
    )
