"""Reads the drafts in the log: what was drafted with what, from given notes or all."""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from edgemed.errors import InvalidFile
from edgemed.logs import earlier, records
from edgemed.logs.audit_files import LogFiles, entries
from edgemed.logs.audit_verify import key_beside, reading
from edgemed.logs.chain import EVIDENCE, Entry, mark_of

EARLIER = (None,)  # the screen's drafts had no record before
Row = tuple[Entry, records.Record | None]


@dataclass(frozen=True, slots=True)
class RecordedDraft:
    """A draft as recorded in the log; `row` is its audit row, or the one it was taken in with.

    What an earlier version did not record is empty.
    """

    row: int
    at: str
    who: str
    model: str
    model_hash: str
    template: str
    template_hash: str
    settings: dict[str, Any]
    ending: str
    timings: dict[str, Any]
    kept: bool
    note_mark: str


def drafts(place: LogFiles, notes: Collection[str] = ()) -> list[RecordedDraft]:
    """Every draft of the log in order, or only those of the texts `notes`. Changes no file."""
    if not place.log.exists():
        return []
    key, found = key_beside(place), reading(place, _rows)
    made = [(entry, _draft(entry, record)) for entry, record in found]
    if not notes:
        return [draft for _, draft in made]
    return [draft for entry, draft in made if draft.note_mark in _marks(key, entry, notes)]


def _marks(key: bytes, entry: Entry, notes: Collection[str]) -> set[str]:
    """The marks that notes have in the records of an audit row."""
    if entry.what != earlier.TAKEN_IN:
        return {mark_of(key, note) for note in notes}
    try:
        return {earlier.mark(key, entry, note) for note in notes}
    except ValueError:
        raise InvalidFile(f"row {entry.number} of the audit log was changed", EVIDENCE) from None


def _rows(rows: sqlite3.Connection) -> list[Row]:
    """Audit rows of drafts, each with its record; None if it is from before there were records."""
    found: dict[int, tuple[records.Record | None, ...]] = {}
    if records.is_there(rows):
        kept = "NULL, NULL, CASE WHEN kept_draft IS NULL THEN NULL ELSE '' END"  # not the text
        query = f"SELECT entry, {records.PLAIN}, {kept} FROM drafts ORDER BY entry, number"
        for entry, *record in rows.execute(query):
            found[entry] = (*found.get(entry, ()), records.Record(*record))
    stand = entries(rows, "what IN (?, ?)", records.DRAFT, earlier.TAKEN_IN)
    return [(entry, record) for entry in stand for record in found.get(entry.number, EARLIER)]


def _draft(entry: Entry, record: records.Record | None) -> RecordedDraft:
    if record is None:
        return _of_facts(entry, _table(entry.facts))
    return RecordedDraft(
        row=entry.number,
        at=record.at,
        who=entry.who if entry.what == records.DRAFT else "",
        model=record.model,
        model_hash=record.model_hash,
        template=record.template,
        template_hash=record.template_hash,
        settings=_table(record.settings),
        ending=record.ending,
        timings=_table(record.timings),
        kept=record.kept_draft is not None,
        note_mark=record.note_mark,
    )


def _of_facts(entry: Entry, facts: dict[str, Any]) -> RecordedDraft:
    """A draft of the screen before drafts had records: what its audit row says."""
    settings = facts.get("settings")
    return RecordedDraft(
        row=entry.number,
        at=entry.at,
        who=entry.who,
        model=str(facts.get("model", "")),
        model_hash=str(facts.get("model_hash", "")),
        template=str(facts.get("template", "")),
        template_hash=str(facts.get("template_hash", "")),
        settings=settings if isinstance(settings, dict) else {},
        ending="not complete" if facts.get("cut") else "stop",
        timings={},
        kept=False,
        note_mark=str(facts.get("note", "")),
    )


def _table(text: str) -> dict[str, Any]:
    """JSON text as a table; an empty one if somebody has damaged it."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}
