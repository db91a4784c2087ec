"""Moves the records of earlier versions, which had their own file and key, into the log.

Until version 0.2 drafts of the command line were in records.sqlite, under a key beside it, and
those of the screen only in the audit log. The log takes the records in when it is opened, under
its write lock, so that of several starts at once one does it:

    1  the records that the log does not have yet, and one audit row that represents them, go in
       together: all or none
    2  once nothing is new, records.sqlite and records.key get the ending .taken-in and stay

A kill before the end of 1 leaves the old file in use, a kill after it the log; either way the next
start goes on. Records keep their marks. The key that made them is in the audit row, wrapped with
the log's own key, so that the same note is still recognised. Where the audit log was changed
nothing is taken in: log and records stay as they are.
"""

import hmac
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.logs import database, records
from edgemed.logs.chain import Entry, unwrapped, wrapped
from edgemed.logs.keys import read_key
from edgemed.logs.records import Record
from edgemed.storage.whole import name_all

TAKEN_IN = "records taken in"  # what the log calls it
KEY = "earlier_key"  # the fact that holds the wrapped key
ASIDE = ".taken-in"
WHAT = "the file of records of an earlier version"
NEWEST = 2  # version of the tables in it


def beside(log: Path) -> Path:
    """Where earlier versions kept the records of whoever had this log."""
    return log.with_name("records.sqlite")


def found(log: Path) -> bool:
    """Whether records of an earlier version are still to be taken in."""
    return beside(log).exists()


def notes(log: Path) -> Iterator[str]:
    """Notes on them for a reader of the log."""
    if found(log):
        yield "older records are not taken in yet: the next draft or decision does it"


@contextmanager
def opened(log: Path) -> Iterator[sqlite3.Connection | None]:
    """The old records, locked against other writers; None if there are none."""
    path = beside(log)
    if not path.exists():
        yield None
        return
    with _in_words(path):
        old = database.connected(f"{path.absolute().as_uri()}?mode=rw")
    with closing(old):
        with _in_words(path):
            old.execute("BEGIN IMMEDIATE")
            database.refuse_newer(old, NEWEST, WHAT)
        yield old


def not_in(rows: sqlite3.Connection, old: sqlite3.Connection, log: Path) -> list[Record]:
    """The old records that the log does not have yet, in their order."""
    there = set(rows.execute(f"SELECT {records.PLAIN} FROM drafts"))
    query = f"SELECT {records.PLAIN}, {records.KEPT} FROM drafts ORDER BY number"
    with _in_words(beside(log)):
        found = old.execute(query).fetchall() if records.is_there(old) else []
        for row in found:
            _refuse_types(row, (str,) * (len(row) - 3) + (str | None,) * 3)
    return [Record(*row) for row in found if row[:-3] not in there]


def take_hashes(rows: sqlite3.Connection, old: sqlite3.Connection, log: Path) -> None:
    """Hashes of model files, so that no file is read again."""
    with _in_words(beside(log)):
        if not old.execute("SELECT 1 FROM sqlite_schema WHERE name = 'files'").fetchone():
            return
        known = old.execute("SELECT path, size, mtime, hash FROM files").fetchall()
        for row in known:
            _refuse_types(row, (str, int, int, str))
    rows.executemany("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?)", known)


def _refuse_types(row: Sequence[object], types: Sequence[Any]) -> None:
    """InvalidFile if a value is one that earlier versions never wrote there."""
    if not all(isinstance(value, type) for value, type in zip(row, types, strict=True)):
        raise InvalidFile(
            f"{WHAT} is damaged: a value in it has the wrong type",
            "restore a copy from a backup",
        )


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """The error about the old records, with a remedy that says how to go on without them."""
    try:
        with database.in_words(WHAT, path):
            yield
    except database.Held:
        raise
    except EdgemedError as error:
        error.hint = f"{error.hint}; or move it to another folder, and edgemed works without it"
        raise


def key_beside(log: Path) -> bytes:
    """The key of the old records; EdgemedError if it is gone: without it no note is recognised."""
    path = beside(log).with_suffix(".key")
    key = read_key(path)
    if key is None:
        raise EdgemedError(
            f"{WHAT} cannot be taken in: its key {path} is missing or damaged",
            f"put back a copy of the key; or move {beside(log)} to another folder, and edgemed "
            "goes on without it",
        )
    return key


def facts(key: bytes, old_key: bytes, taken: Sequence[Record]) -> dict[str, Any]:
    """The facts of the audit row that represents all of them."""
    return {
        "drafts": len(taken),
        "first": taken[0].at,
        "last": taken[-1].at,
        KEY: wrapped(key, old_key),
        records.RECORD: records.mark_of_all(key, taken),
    }


def mark(key: bytes, entry: Entry, text: str) -> str:
    """The mark of `text` in the records of such an audit row. ValueError if its key is gone."""
    old_key = unwrapped(key, records.fact(entry, KEY))
    return hmac.new(old_key, text.encode("utf-8", "surrogatepass"), sha256).hexdigest()


def set_aside(log: Path) -> None:
    """Rename the old files to show that they were taken in."""
    path = beside(log)
    old = [p for p in (path, path.with_suffix(".key")) if p.exists()]
    for number in count(1):
        ending = ASIDE if number == 1 else f"{ASIDE}-{number}"
        new = [p.with_name(p.name + ending) for p in old]
        if not any(p.exists() for p in new):
            name_all(list(zip(old, new, strict=True)), replace=False)
            return
