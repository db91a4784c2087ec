"""What was drafted, with what, and when: rows in SQLite that hold no patient text unless asked to.

A note and its draft are recorded as HMAC-SHA-256 under a key of this machine: the same note can be
recognised, but a short note cannot be guessed from its hash. The schema grows by `MIGRATIONS`.
"""

import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgemed.errors import EdgemedError

KEY_BYTES = 32

# One entry a version, applied in order and never changed once released.
MIGRATIONS = (
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


@dataclass(frozen=True, slots=True)
class Kept:
    """What --keep stores in clear: file name, note and draft."""

    name: str
    note: str
    draft: str


@dataclass(frozen=True, slots=True)
class Draft:
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


class Records:
    """The open database; use it as a context."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or begin the records, in the user's data folder unless `path` is given."""
        self.path = path or default_path()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.key = machine_key(self.path.with_suffix(".key"))
            private(self.path)
            self.rows = sqlite3.connect(self.path)
            migrate(self.rows)
        except (OSError, sqlite3.Error) as error:
            raise EdgemedError(
                f"the records at {self.path} cannot be opened: {type(error).__name__}",
                "make the folder writable, or record nothing with --no-record",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.rows.close()

    def mark(self, text: str) -> str:
        """The keyed hash of `text`, as rows hold it."""
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), sha256).hexdigest()

    def add(self, draft: Draft, kept: Kept | None = None) -> int:
        """Record one draft; returns its number. Patient text goes in only as `kept`."""
        values = (
            datetime.now(UTC).isoformat(timespec="seconds"),
            self.mark(draft.note),
            self.mark(draft.draft),
            draft.model,
            draft.model_hash,
            draft.template,
            draft.template_hash,
            json.dumps(dict(draft.settings), sort_keys=True),
            draft.ending,
            json.dumps(dict(draft.timings), sort_keys=True),
            *((kept.name, kept.note, kept.draft) if kept else (None, None, None)),
        )
        try:
            with self.rows:
                marks = ", ".join("?" * len(values))
                cursor = self.rows.execute(
                    "INSERT INTO drafts (at, note_mark, draft_mark, model, model_hash, template, "
                    "template_hash, settings, ending, timings, kept_name, kept_note, kept_draft) "
                    f"VALUES ({marks})",
                    values,
                )
        except sqlite3.Error as error:
            raise EdgemedError(
                f"the draft could not be recorded: {type(error).__name__} in {self.path}",
                "free disk space and see that you may write there, or give --no-record",
            ) from None
        return int(cursor.lastrowid or 0)

    def file_hash(self, path: Path) -> str:
        """SHA-256 of a file, remembered until its size or time of change differs."""
        key = state_of(path)
        with closing(
            self.rows.execute(
                "SELECT hash FROM files WHERE path = ? AND size = ? AND mtime = ?", key
            )
        ) as found:
            row = found.fetchone()
        if row:
            return str(row[0])
        with path.open("rb") as file:
            digest = hash_of(file)
        self._remember(key, digest)
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """Take over the SHA-256 of a file that was just read, so that no draft waits for it."""
        self._remember(state_of(path), digest)

    def _remember(self, key: tuple[str, int, int], digest: str) -> None:
        with self.rows:
            self.rows.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (*key, digest))


def state_of(path: Path) -> tuple[str, int, int]:
    """What tells that a file is still the same: its place, size and time of change."""
    state = path.stat()
    return str(path.resolve()), state.st_size, state.st_mtime_ns


def hash_of(file: Any) -> str:
    """SHA-256 of an open binary file."""
    from hashlib import file_digest

    return file_digest(file, "sha256").hexdigest()


def default_path() -> Path:
    """The user's own records."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "records.sqlite"


def migrate(rows: sqlite3.Connection) -> None:
    """Bring the schema to the newest version; refuse one from a newer edgemed."""
    with rows:
        rows.execute("BEGIN IMMEDIATE")  # another process may be doing the same
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise EdgemedError("the records were written by a newer edgemed", "update edgemed")
        for statement in MIGRATIONS[version:]:
            rows.execute(statement)
        rows.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def machine_key(path: Path) -> bytes:
    """The key of this machine's marks, made on first use and readable by its user alone."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise EdgemedError(f"the key {path} is damaged", "put back a copy of it") from None
        return key
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(key)
    return key


def private(path: Path) -> None:
    """Make the file, or leave one that is there, readable by its user alone."""
    path.touch(mode=0o600)
