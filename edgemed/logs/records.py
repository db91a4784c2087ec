"""What was drafted, with what, and when: rows in SQLite that hold no patient text unless asked to.

A note and its draft are recorded as HMAC-SHA-256 under a key of this machine: the same note can be
recognised, but a short note cannot be guessed from its hash. The schema grows by `MIGRATIONS`.
Key and tables are made under one lock, so that two first starts at once make them once, and a kill
leaves either all of a step or nothing.
"""

import hmac
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edgemed.errors import EdgemedError
from edgemed.logs import database
from edgemed.logs.keys import make_key, read_key

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


class Held(EdgemedError):
    """Another program holds the records just now: what cannot be recorded yet may be later."""


class Records:
    """The open database; use it as a context. Every failure is an EdgemedError."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or begin the records, in the user's data folder unless `path` is given."""
        self.path = path or default_path()
        with self._in_words("opened"):
            self.rows = database.open_rows(self.path)
            try:
                with database.transaction(self.rows):
                    self.key = _begun(self.rows, self.path.with_suffix(".key"))
            except BaseException:
                self.rows.close()
                raise

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
        marks = ", ".join("?" * len(values))
        with self._in_words("written"), database.transaction(self.rows):
            cursor = self.rows.execute(
                "INSERT INTO drafts (at, note_mark, draft_mark, model, model_hash, template, "
                "template_hash, settings, ending, timings, kept_name, kept_note, kept_draft) "
                f"VALUES ({marks})",
                values,
            )
        return int(cursor.lastrowid or 0)

    def file_hash(self, path: Path) -> str:
        """SHA-256 of a file, remembered until its size or time of change differs."""
        with self._in_words("read"):
            key = state_of(path)
            query = "SELECT hash FROM files WHERE path = ? AND size = ? AND mtime = ?"
            row = self.rows.execute(query, key).fetchone()
            if row:
                return str(row[0])
            with path.open("rb") as file:
                digest = hash_of(file)
        self._remember(key, digest)
        return digest

    def remember(self, path: Path, digest: str) -> None:
        """Take over the SHA-256 of a file that was just read, so that no draft waits for it."""
        with self._in_words("read"):
            key = state_of(path)
        self._remember(key, digest)

    def _remember(self, key: tuple[str, int, int], digest: str) -> None:
        with self._in_words("written"), database.transaction(self.rows):
            self.rows.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (*key, digest))

    @contextmanager
    def _in_words(self, done: str) -> Iterator[None]:
        """Errors of SQLite and the system as ours; types alone, for a text could quote a note."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if database.is_busy(error):
                raise Held(
                    f"another program holds the records at {self.path}",
                    "close it or wait, then give the command again; --no-record does without",
                ) from None
            raise EdgemedError(
                f"the records at {self.path} cannot be {done}: {said_of(error)}",
                "free disk space and see that you may write there, or give --no-record",
            ) from None


def said_of(error: OSError | sqlite3.Error) -> str:
    """The kind of error, without a word of what was to be written."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"{type(error).__name__}, {getattr(error, 'sqlite_errorname', 'of no name')}"


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
    (version,) = rows.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise EdgemedError("the records were written by a newer edgemed", "update edgemed")
    for statement in MIGRATIONS[version:]:
        rows.execute(statement)
    rows.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _begun(rows: sqlite3.Connection, path: Path) -> bytes:
    """The tables and the key of this machine's marks; call it in a transaction.

    A key that was never written whole is made anew as long as no draft was marked with it.
    """
    migrate(rows)
    key = read_key(path)
    if key is None and rows.execute("SELECT 1 FROM drafts LIMIT 1").fetchone():
        raise EdgemedError(f"the key {path} is missing or damaged", "put back a copy of it")
    return key or make_key(path)
