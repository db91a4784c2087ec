"""What was drafted, with what, and when: a row beside the audit log's own, in the same file.

A record holds no patient text unless asked to: note and draft are keyed hashes (marks), by which
the same note is recognised and a short one cannot be guessed. The audit row of a draft carries a
mark of its record, so that a changed or removed record shows, like a changed row. Text that
was kept is not part of that mark: a clinic may have to delete it.
"""

import hmac
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from edgemed.logs.chain import Entry, mark_of, subkey

# The migrations of the log, one for each version, applied in order, never changed once released. A
# log of version 0 has only audit rows.
SCHEMA = (
    (
        """CREATE TABLE drafts (
        number INTEGER PRIMARY KEY,
        entry INTEGER NOT NULL,
        at TEXT NOT NULL,
        note_mark TEXT NOT NULL,
        draft_mark TEXT NOT NULL,
        model TEXT NOT NULL,
        model_hash TEXT NOT NULL,
        template TEXT NOT NULL,
        template_hash TEXT NOT NULL,
        settings TEXT NOT NULL,
        ending TEXT NOT NULL,
        timings TEXT NOT NULL,
        kept_name TEXT,
        kept_note TEXT,
        kept_draft TEXT
    ) STRICT""",
        """CREATE TABLE files (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime INTEGER NOT NULL, hash TEXT NOT NULL
    ) STRICT""",
    ),
)
KEPT = "kept_name, kept_note, kept_draft"
PLAIN = (
    "at, note_mark, draft_mark, model, model_hash, template, template_hash, settings, ending, "
    "timings"
)
INSERT = f"INSERT INTO drafts (entry, {PLAIN}, {KEPT}) VALUES ({', '.join('?' * 14)})"
DRAFT = "draft"  # what the log calls the audit row of a draft
RECORD = "record"  # the fact of an audit row that carries the mark of its records


@dataclass(frozen=True, slots=True)
class KeptText:
    """What --keep stores, unencrypted: file name, note and draft."""

    name: str
    note: str
    draft: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """One draft to record. `ending`: stop, length, cancelled or failed."""

    note: str
    draft: str
    model: str
    model_hash: str
    template: str
    template_hash: str
    settings: Mapping[str, Any]
    ending: str
    timings: Mapping[str, Any]


class Record(NamedTuple):
    """A record as it is stored; settings and timings are JSON text, marks are hex digits."""

    at: str
    note_mark: str
    draft_mark: str
    model: str
    model_hash: str
    template: str
    template_hash: str
    settings: str
    ending: str
    timings: str
    kept_name: str | None = None
    kept_note: str | None = None
    kept_draft: str | None = None


def record_of(key: bytes, drafted: Drafted, at: str, kept: KeptText | None = None) -> Record:
    """The record of a draft. Patient text goes in only as `kept`."""
    texts = (
        at,
        mark_of(key, drafted.note),
        mark_of(key, drafted.draft),
        drafted.model,
        drafted.model_hash,
        drafted.template,
        drafted.template_hash,
        json.dumps(dict(drafted.settings), sort_keys=True),
        drafted.ending,
        json.dumps(dict(drafted.timings), sort_keys=True),
        *((kept.name, kept.note, kept.draft) if kept else ()),
    )
    return Record(*map(storable, texts))


def storable(text: str) -> str:
    """`text` as SQLite takes it: a name that is not UTF-8, or half a surrogate pair that a model
    wrote as JSON, is written as an escape such as \\udcff."""
    return text.encode("utf-8", "backslashreplace").decode()


def facts_of(key: bytes, drafted: Drafted, record: Record) -> dict[str, Any]:
    """What the audit row of a draft says about it."""
    return {
        "note": record.note_mark,
        "draft": record.draft_mark,
        "model": drafted.model,
        "model_hash": drafted.model_hash,
        "template": drafted.template,
        "template_hash": drafted.template_hash,
        "settings": dict(drafted.settings),
        "cut": drafted.ending != "stop",
        RECORD: mark_of_all(key, [record]),
    }


def mark_of_all(key: bytes, records: Iterable[tuple[Any, ...]]) -> str:
    """A keyed mark of records in order, without the text that was kept."""
    mark = hmac.new(subkey(key, b"record"), digestmod="sha256")
    for record in records:
        mark.update(json.dumps(record[: len(Record._fields) - 3]).encode() + b"\n")
    return mark.hexdigest()


def is_there(rows: sqlite3.Connection) -> bool:
    """Whether this log has a table of records; one of an earlier version does not."""
    query = "SELECT 1 FROM sqlite_schema WHERE name = 'drafts'"
    return rows.execute(query).fetchone() is not None


def marks_by_entry(key: bytes, rows: sqlite3.Connection) -> dict[int, str]:
    """Number of an audit row -> the mark of its records as they are now."""
    if not is_there(rows):
        return {}
    found = rows.execute(f"SELECT entry, {PLAIN} FROM drafts ORDER BY entry, number")
    return {
        entry: mark_of_all(key, (row[1:] for row in group))
        for entry, group in groupby(found, key=lambda row: row[0])
    }


def faults(entries: Iterable[Entry], marks: Mapping[int, str]) -> Iterator[str]:
    """Records that are missing, changed, or without an audit row."""
    left = dict(marks)
    for entry in entries:
        said = fact(entry, RECORD)
        found = left.pop(entry.number, None) if said else None
        if said and found is None:
            yield f"the record of row {entry.number} is missing"
        elif said and found != said:
            yield f"the record of row {entry.number} was changed"
    yield from (f"a record belongs to row {number}, which should have none" for number in left)


def fact(entry: Entry, name: str) -> str:
    """A fact of a row that is a text; empty if it has none."""
    try:
        value = json.loads(entry.facts).get(name)
    except (ValueError, RecursionError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""
