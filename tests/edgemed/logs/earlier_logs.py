"""Log files as earlier versions wrote them: an audit log without records, records of their own."""

import hmac
import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from edgemed.logs.audit_files import TABLE, LogFiles
from edgemed.logs.chain import BEGUN, Entry, as_line, mac_of, seal_of

WHEN = "2025-11-12T13:14:15+00:00"
NOTES = ("Chest pain since Monday.", "Cough.", "Fell from a ladder.")
AUDIT_KEY, RECORDS_KEY = b"a" * 32, b"r" * 32
# The tables of records.sqlite, version 1 and 2, as they were released.
TABLES = (
    """CREATE TABLE drafts (
        number INTEGER PRIMARY KEY,
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
)


def place_in(folder: Path) -> LogFiles:
    """The log's files as they lie in one folder."""
    return LogFiles(folder / "audit.sqlite", folder / "audit.key", folder / "audit.seal")


def old_audit(place: LogFiles, count: int = 3) -> None:
    """An audit log of so many rows, sealed."""
    place.log.parent.mkdir(parents=True, exist_ok=True)
    place.key.parent.mkdir(parents=True, exist_ok=True)
    place.key.write_bytes(AUDIT_KEY)
    seal = BEGUN
    with closing(sqlite3.connect(place.log)) as rows, rows:
        rows.execute(TABLE)
        for number in range(1, count + 1):
            row = (number, WHEN, "Dr A", "draft", json.dumps({"model": "m", "number": number}))
            entry = Entry(*row, mac_of(AUDIT_KEY, seal.mac, *row))
            rows.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", entry)
            seal = seal_of(entry)
    place.seal.write_bytes(as_line(AUDIT_KEY, seal))


def old_mark(text: str) -> str:
    return hmac.new(RECORDS_KEY, text.encode(), sha256).hexdigest()


def old_records(place: LogFiles, version: int = 2, notes: tuple[str, ...] = NOTES) -> None:
    """Records of a note each, beside the log, in the tables of that version."""
    path = place.log.with_name("records.sqlite")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".key").write_bytes(RECORDS_KEY)
    with closing(sqlite3.connect(path)) as rows, rows:
        for statement in TABLES[:version]:
            rows.execute(statement)
        rows.execute(f"PRAGMA user_version = {version}")
        if version:
            rows.executemany(
                f"INSERT INTO drafts VALUES ({', '.join('?' * 14)})",
                [record(number, note) for number, note in enumerate(notes, 1)],
            )
        if version > 1:
            rows.execute("INSERT INTO files VALUES ('/models/m.gguf', 1, 2, 'known')")


def record(number: int, note: str) -> tuple[object, ...]:
    kept = ("smith.txt", note, "A draft.") if number % 2 else (None, None, None)
    marks = (old_mark(note), old_mark("A draft."))
    settings = json.dumps({"seed": number})
    return (number, WHEN, *marks, "m", "0" * 64, "soap", "1" * 64, settings, "stop", "{}", *kept)
