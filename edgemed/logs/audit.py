"""The audit log: who did what and when, chained with a key so that no row can change unnoticed.

Row n carries HMAC(key, mac of row n-1, row n). A seal outside the database names the last row, so
that a cut tail shows too. Rows hold no patient text: what must be recognised later goes in as a
keyed hash, called a mark (`Log.mark`). A draft has a record beside its row, in the same file and
under the same key (`edgemed.logs.records`); records that earlier versions kept in another file are
taken in when the log is opened (`edgemed.logs.earlier`).

The order of writing, so that nobody has to repair anything after a kill or a power cut. Whoever
writes holds SQLite's write lock for all of it; every file appears whole or not at all.

    first start   log file, empty -> key -> seal of row 0 -> tables
    a row         seal made up if it is one row behind -> row committed -> seal of that row

So the seal is never missing beside a row, and never more than one row behind:

    key without log or seal, log without rows     the first start was cut short: continued
    one row after the seal, its mac right         cut short between row and seal: sealed next time
    a journal of SQLite's beside the log          cut short inside a row: the row was never written
    a seal missing, ahead, or two rows behind     no crash does this: somebody changed the files

What cannot be detected: whoever may write all the files can put back an older copy of log, key
and seal together, or remove all three as if nothing had been logged; and can undo the one row
that a crash left unsealed. Only a seal kept elsewhere (`edgemed.logs.seals`) shows that.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.logs import database, earlier, records
from edgemed.logs.audit_files import (
    MISSING,
    TABLE,
    LogFiles,
    default_place,
    disagreement,
    entries,
    is_back,
    last_of,
    now,
    read_seal,
)
from edgemed.logs.audit_verify import LogState, chain_faults, read, verify
from edgemed.logs.chain import (
    BEGUN,
    EVIDENCE,
    Entry,
    Seal,
    as_line,
    mac_of,
    mark_of,
    parse_seal,
    seal_of,
    subkey,
)
from edgemed.logs.keys import make_key, read_key
from edgemed.logs.records import Drafted, KeptText, Record
from edgemed.storage.whole import write_whole

__all__ = [
    "TABLE",
    "Entry",
    "Log",
    "LogFiles",
    "LogState",
    "Seal",
    "default_place",
    "now",
    "parse_seal",
    "read",
    "verify",
]


class Log:
    """A log to add to. Every row opens the files again, so that nothing stays locked or broken.

    Safe from several processes and threads at once. Every failure is an EdgemedError: nothing was
    logged, and the same call may be made again. InvalidFile: the log was changed.
    """

    def __init__(self, place: LogFiles) -> None:
        """Start the log, or continue one that agrees with its seal; a log of an earlier version is
        migrated, and its records are taken in."""
        self.place = place
        with written(place) as rows:
            self._key = _begun(place, rows)
            _refuse_gaps(rows)
            _agreed(place, self._key, rows)
            _grown(self._key, rows)
        while earlier.found(place.log) and self._takes_in():
            pass

    def add(self, what: str, who: str, at: str, facts: Mapping[str, Any]) -> Entry:
        """Append one row, on the disk when this returns. `at`: ISO 8601 with its zone.

        A time before that of the last row is recorded as the fact `clock_back`, and not refused.
        """
        return self._add(what, who, at, facts, ())

    def add_draft(self, drafted: Drafted, who: str, at: str, kept: KeptText | None = None) -> Entry:
        """Append the row of a draft and its record, both or neither."""
        record = records.record_of(self._key, drafted, at, kept)
        facts = records.facts_of(self._key, drafted, record)
        return self._add(records.DRAFT, who, at, facts, [record])

    def _add(
        self, what: str, who: str, at: str, facts: Mapping[str, Any], found: Sequence[Record]
    ) -> Entry:
        with written(self.place) as rows:
            if read_key(self.place.key) != self._key:
                raise InvalidFile("the audit log's key is missing or was changed", EVIDENCE)
            last = _agreed(self.place, self._key, rows)
            entry = _next(self._key, last, what, who, at, facts)
            _insert(rows, entry, found)
        with suppress(EdgemedError), written(self.place) as rows:  # else the next row seals it
            _agreed(self.place, self._key, rows)
        return entry

    def _takes_in(self) -> bool:
        """Take in what earlier versions recorded beside this log, in one step with its audit row;
        false once there was nothing new and the old files are renamed."""
        with written(self.place) as rows:
            last = _agreed(self.place, self._key, rows)
            with earlier.opened(self.place.log) as old:
                new = earlier.not_in(rows, old, self.place.log) if old else []
                if old:
                    earlier.take_hashes(rows, old, self.place.log)
                if new:
                    _refuse_faults(self._key, rows)
                    facts = earlier.facts(self._key, earlier.key_beside(self.place.log), new)
                    entry = _next(self._key, last, earlier.TAKEN_IN, "edgemed", now(), facts)
                    _insert(rows, entry, new)
            if not new:
                earlier.set_aside(self.place.log)
        return bool(new)

    def mark(self, text: str) -> str:
        """A keyed hash: the same text gives the same mark, and a mark cannot be guessed back."""
        return mark_of(self._key, text)

    def key_for(self, use: str) -> bytes:
        """A key of 32 bytes for marks of another use, derived from the log's."""
        return subkey(self._key, use.encode())


@contextmanager
def written(place: LogFiles) -> Iterator[sqlite3.Connection]:
    """The rows, with the write lock held; on the disk when the block ends without an error."""
    if place.seal.exists() and not place.log.exists():  # in this order: the log comes first
        raise InvalidFile(f"the audit log was changed: {MISSING}", EVIDENCE)
    with (
        database.in_words("the audit log", place.log),
        closing(database.open_rows(place.log)) as rows,
        database.transaction(rows),
    ):
        database.refuse_newer(rows, len(records.SCHEMA), "the audit log")
        rows.execute(TABLE)
        yield rows


def _begun(place: LogFiles, rows: sqlite3.Connection) -> bytes:
    """The key, and a seal beside it; made if nothing has been logged yet."""
    key = read_key(place.key)
    sealed = place.seal.exists()
    if key is None and (sealed or last_of(rows)):
        raise InvalidFile("the audit log's key is missing or was changed", EVIDENCE)
    key = key or make_key(place.key)
    if not sealed and last_of(rows) is None:
        write_whole(place.seal, as_line(key, BEGUN))
    return key


def _grown(key: bytes, rows: sqlite3.Connection) -> None:
    """Migrate the tables to the newest version. A log that was changed is left as it is, as
    evidence."""
    (version,) = rows.execute("PRAGMA user_version").fetchone()
    if version < len(records.SCHEMA):
        _refuse_faults(key, rows)
        for statement in (s for step in records.SCHEMA[version:] for s in step):
            rows.execute(statement)
        rows.execute(f"PRAGMA user_version = {len(records.SCHEMA)}")


def _refuse_faults(key: bytes, rows: sqlite3.Connection) -> None:
    """InvalidFile if any row was changed."""
    if fault := next(chain_faults(key, list(entries(rows))), ""):
        raise InvalidFile(f"the audit log was changed: {fault}", EVIDENCE)


def _insert(rows: sqlite3.Connection, entry: Entry, found: Sequence[Record]) -> None:
    """A row, and the records that it represents."""
    rows.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", entry)
    rows.executemany(records.INSERT, ((entry.number, *record) for record in found))


def _refuse_gaps(rows: sqlite3.Connection) -> None:
    """InvalidFile unless the rows are numbered 1, 2, 3 and so on."""
    count, first, last = rows.execute(
        "SELECT count(*), min(number), max(number) FROM entries"
    ).fetchone()
    if count and (first, last) != (1, count):
        raise InvalidFile("the audit log was changed: a row is missing", EVIDENCE)


def _agreed(place: LogFiles, key: bytes, rows: sqlite3.Connection) -> Entry | None:
    """The last row, once it agrees with the seal; one that a crash left unsealed is sealed."""
    try:
        seal = read_seal(place, key)
        if seal is None:
            raise InvalidFile("the seal is missing", EVIDENCE)
        sealed = next(entries(rows, "number = ?", seal.number), None)
        last = last_of(rows)
        if fault := disagreement(key, seal, sealed, last):
            raise InvalidFile(fault, EVIDENCE)
    except InvalidFile as error:
        raise InvalidFile(f"the audit log was changed: {error.message}", EVIDENCE) from error
    if last is not None and last.number > seal.number:
        write_whole(place.seal, as_line(key, seal_of(last)))
    return last


def _next(
    key: bytes, last: Entry | None, what: str, who: str, at: str, facts: Mapping[str, Any]
) -> Entry:
    """The row after `last`."""
    if last is not None and is_back(last.at, at):
        facts = dict(facts) | {"clock_back": last.at}
    text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
    seal = seal_of(last) if last else BEGUN
    number = seal.number + 1
    who = records.storable(who)
    return Entry(number, at, who, what, text, mac_of(key, seal.mac, number, at, who, what, text))
