"""The audit log's files: where they are, its rows, and the seal beside its key."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edgemed.errors import InvalidFile
from edgemed.logs.chain import BEGUN, EVIDENCE, Entry, Seal, entry_of, follows, from_line, seal_of
from edgemed.storage.bounded import read_bounded

TABLE = """CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    facts TEXT NOT NULL, mac BLOB NOT NULL) STRICT"""
COLUMNS = "number, at, who, what, facts, mac"
MISSING = "the log is missing, but its seal is there"
SLACK = timedelta(seconds=5)
"""Times this far apart may be out of order: two processes, one of which waited for the other."""


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The files: the log, and in another folder the key and the seal."""

    log: Path
    key: Path
    seal: Path


def default_place() -> LogFiles:
    """The user's own log."""
    from platformdirs import user_config_path, user_data_path

    config = user_config_path("edgemed", appauthor=False)
    data = user_data_path("edgemed", appauthor=False)
    return LogFiles(data / "audit.sqlite", config / "audit.key", config / "audit.seal")


def entries(rows: sqlite3.Connection, condition: str = "1", *values: object) -> Iterator[Entry]:
    """The rows for which an SQL condition holds, in order."""
    query = f"SELECT {COLUMNS} FROM entries WHERE {condition} ORDER BY number"
    return map(entry_of, rows.execute(query, values))


def last_of(rows: sqlite3.Connection) -> Entry | None:
    """The last row."""
    return next(entries(rows, "number = (SELECT max(number) FROM entries)"), None)


def read_seal(place: LogFiles, key: bytes) -> Seal | None:
    """The seal beside the key; None if there is none. InvalidFile if another key wrote it."""
    try:
        line = read_bounded(place.seal, "kept seal", "the seal")
    except (FileNotFoundError, NotADirectoryError):
        return None
    seal = from_line(key, line)
    if seal is None:
        raise InvalidFile("the seal was changed", EVIDENCE)
    return seal


def disagreement(key: bytes, seal: Seal, sealed: Entry | None, last: Entry | None) -> str:
    """How the seal contradicts the row that it names, or the last row; empty if it does not."""
    end = last.number if last else 0
    if seal.number > end:
        return f"the seal names row {seal.number}, the log ends at row {end}"
    if (seal_of(sealed) if sealed else BEGUN) != seal:
        return f"row {seal.number} is not the row that was sealed"
    if end > seal.number + 1:
        return f"{end - seal.number} rows come after the seal, and a crash leaves no more than one"
    if last is not None and end > seal.number and not follows(key, seal.mac, last):
        return f"row {end} was changed"
    return ""


def is_back(before: str, after: str) -> bool:
    """Whether the clock was set back between two times in ISO 8601."""
    try:
        return datetime.fromisoformat(after) < datetime.fromisoformat(before) - SLACK
    except (ValueError, TypeError, OverflowError):  # no times, or only one with a zone
        return False


def now() -> str:
    """The present moment in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
