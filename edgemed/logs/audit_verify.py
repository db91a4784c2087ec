"""Reads the audit log without changing it, and says whether it was changed."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.logs import database, earlier, records
from edgemed.logs.audit_files import MISSING, LogFiles, disagreement, entries, is_back, read_seal
from edgemed.logs.chain import BEGUN, EVIDENCE, START, Entry, Seal, follows, seal_of
from edgemed.logs.journal import rolled_back
from edgemed.logs.keys import read_key

Made = TypeVar("Made")
HOT = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""SQLite's error for a reader without write access, where the journal of a killed write is left."""
TRIES = 20  # tries to read a log whose journal another process is removing
PAUSE = 0.05  # seconds between two


@dataclass(frozen=True, slots=True)
class LogState:
    """How many rows were read, the seal of the last, every fault, and notes on oddities that are no
    fault."""

    entries: int
    seal: Seal
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


def verify(place: LogFiles, kept: Seal | None = None) -> LogState:
    """Check every row, the order, the records, the seal, and a seal `kept` elsewhere.

    Changes no file.

    May run beside writers: the seal is read before the rows, and once more after them.
    """
    try:
        faults, seal = [], seal_beside(place)
    except InvalidFile as error:
        faults, seal = [error.message], None
    if not place.log.exists():
        missing = place.seal.exists() or kept is not None
        return LogState(0, BEGUN, (MISSING,) if missing else ())
    with database.in_words("the audit log's key", place.key):
        key = read_key(place.key) or b""
    rows, marks = reading(place, lambda c: (_all(c), records.marks_by_entry(key, c)))
    last = rows[-1] if rows else None
    if rows and seal is None and not faults:
        faults.append("the seal is missing")
    key = key_beside(place) if rows or seal or faults else b""
    found = [*chain_faults(key, rows), *records.faults(rows, marks), *faults]
    notes = [*time_notes(rows), *earlier.notes(place.log)]
    if seal is not None:
        fault, behind = against_seal(place, key, seal, rows)
        found += [fault] if fault and fault not in found else []
        notes += ["the last row is not sealed yet: the next row seals it"] if behind else []
    if kept is not None and not holds(rows, kept):
        found.append(f"row {kept.number} is not the row that the given seal names")
    return LogState(len(rows), seal_of(last) if last else BEGUN, tuple(found), tuple(notes))


def read(place: LogFiles) -> list[Entry]:
    """Every row, in order, without a row that a kill cut short. Changes no file.

    InvalidFile if the file is not a log, EdgemedError if it cannot be read now.
    """
    return reading(place, _all)


def reading(place: LogFiles, work: Callable[[sqlite3.Connection], Made]) -> Made:
    """The result of `work` on the log at one moment; see `read`."""
    try:
        with database.in_words("the audit log", place.log):
            return _read(place.log, work)
    except (TypeError, ValueError) as error:
        raise InvalidFile(f"the audit log cannot be read: {error}", EVIDENCE) from error


def holds(rows: list[Entry], seal: Seal) -> bool:
    """Whether the row that a seal names is there, and so every row before it."""
    if seal.number == 0:
        return seal.mac == START
    return seal.number <= len(rows) and seal_of(rows[seal.number - 1]) == seal


def key_beside(place: LogFiles) -> bytes:
    """The key of a log that was begun."""
    with database.in_words("the audit log's key", place.key):
        key = read_key(place.key)
    if key is None:
        raise InvalidFile("the audit log's key is missing or was changed", EVIDENCE)
    return key


def seal_beside(place: LogFiles) -> Seal | None:
    """The seal beside the key; None if there is none yet."""
    if not place.seal.exists():
        return None
    with database.in_words("the audit log's seal", place.seal):
        return read_seal(place, key_beside(place))


def against_seal(place: LogFiles, key: bytes, seal: Seal, rows: list[Entry]) -> tuple[str, bool]:
    """How the seal contradicts the rows, and whether it is a row behind.

    Rows may have been added since `seal` was read: then the present seal must name them.
    """
    sealed = rows[seal.number - 1] if 0 < seal.number <= len(rows) else None
    if seal.number >= len(rows) - 1:
        return disagreement(key, seal, sealed, rows[-1] if rows else None), seal.number < len(rows)
    now = seal_beside(place) or BEGUN
    if now.number > len(rows):
        return disagreement(key, seal, sealed, sealed), False
    again = rows[now.number - 1] if now.number else None
    return disagreement(key, now, again, rows[-1]), now.number < len(rows)


def chain_faults(key: bytes, rows: list[Entry]) -> Iterator[str]:
    """Rows that are missing or were changed."""
    before = START
    for number, row in enumerate(rows, 1):
        if row.number != number:
            yield f"row {number} is missing"
            return
        if not follows(key, before, row):
            yield f"row {row.number} was changed"
        before = row.mac


def time_notes(rows: list[Entry]) -> Iterator[str]:
    """Rows whose time is before that of the row above."""
    for above, row in pairwise(rows):
        if is_back(above.at, row.at):
            yield (
                f"row {row.number} has an earlier time ({row.at}) than row {above.number} "
                f"({above.at}): the clock was set back"
            )


def _all(rows: sqlite3.Connection) -> list[Entry]:
    there = rows.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entries'").fetchone()
    return list(entries(rows)) if there else []


def _read(log: Path, work: Callable[[sqlite3.Connection], Made]) -> Made:
    """`work` on the log; if a journal was left, on what it rolls back to, in memory."""
    for left in reversed(range(TRIES)):
        try:
            with closing(database.connected(f"{log.absolute().as_uri()}?mode=ro")) as rows:
                return _at_one_moment(rows, work)
        except sqlite3.Error as error:
            journal = log.with_name(f"{log.name}-journal")
            if database.code_of(error) not in HOT or not (journal.exists() or left):
                raise
            data = _rolled_back(log, journal)
            if data is not None:
                with closing(database.connected(":memory:")) as rows:
                    if data:  # else the first write was cut short: nothing is in it
                        rows.deserialize(data)
                    return _at_one_moment(rows, work)
        time.sleep(PAUSE)
    raise EdgemedError("the audit log is being written to", "try again in a moment")


def _at_one_moment(rows: sqlite3.Connection, work: Callable[[sqlite3.Connection], Made]) -> Made:
    rows.execute("BEGIN")
    database.refuse_newer(rows, len(records.SCHEMA), "the audit log")
    return work(rows)


def _rolled_back(log: Path, journal: Path) -> bytes | None:
    """The log without what the journal undoes; None if they changed meanwhile.

    The files stay as they are: they are evidence, and may be on a read-only disk.
    """
    try:
        before = _state(log), _state(journal)
        data = rolled_back(log.read_bytes(), journal.read_bytes())
        return data if before == (_state(log), _state(journal)) else None
    except FileNotFoundError:
        return None


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
