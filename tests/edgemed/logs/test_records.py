"""Records of drafts: keyed marks, no text unless asked, tied to their audit rows."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.errors import EdgemedError
from edgemed.logs import audit, database, records
from edgemed.logs.audit import Log, LogFiles
from edgemed.logs.file_hashes import file_hash, remember
from edgemed.logs.records import Drafted, KeptText
from tests.edgemed.logs.earlier_logs import NOTES, old_audit, old_records
from tests.edgemed.logs.earlier_logs import WHEN as OLD

WHEN = "2026-01-02T03:04:05+00:00"
ROW = Drafted(
    note="Chest pain since Monday.",
    draft="Chest pain.",
    model="m",
    model_hash="0" * 64,
    template="soap",
    template_hash="1" * 64,
    settings={"seed": 0},
    ending="stop",
    timings={"prompt_tokens": 3},
)


@pytest.fixture
def place(tmp_path: Path) -> LogFiles:
    return LogFiles(
        tmp_path / "data" / "log", tmp_path / "keys" / "key", tmp_path / "keys" / "seal"
    )


def execute(place: LogFiles, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(place.log)) as rows, rows:
        return rows.execute(statement, values).fetchall()


def draft(place: LogFiles, kept: KeptText | None = None) -> audit.Entry:
    return Log(place).add_draft(ROW, "Dr A", WHEN, kept)


def test_a_draft_is_an_audit_row_and_a_record_that_hold_no_text(place: LogFiles) -> None:
    entry = draft(place)
    ((mark, number),) = execute(place, "SELECT note_mark, entry FROM drafts")
    assert mark == Log(place).mark(ROW.note) != Log(place).mark(ROW.note + " ")
    assert (entry.what, entry.number) == ("draft", number)
    assert str(mark) in entry.facts
    assert audit.verify(place).faults == ()
    assert b"Chest pain" not in b"".join(p.read_bytes() for p in place.log.parent.iterdir())


def test_names_and_drafts_that_are_not_utf_8_are_recorded_as_escapes(place: LogFiles) -> None:
    row = replace(ROW, draft="half \ud83d", template="t\udcff", settings={"a": "\udcff"})
    Log(place).add_draft(row, "Dr \udcff", WHEN, KeptText("s\udcff.txt", "n\udc80", "half \ud83d"))
    kept = execute(place, f"SELECT {records.KEPT} FROM drafts")
    assert kept == [("s\\udcff.txt", "n\\udc80", "half \\ud83d")]
    assert audit.verify(place).faults == ()


def test_keep_stores_note_draft_and_name_and_they_may_be_deleted(place: LogFiles) -> None:
    draft(place, KeptText("smith.txt", ROW.note, ROW.draft))
    kept = execute(place, f"SELECT {records.KEPT} FROM drafts")
    assert kept == [("smith.txt", ROW.note, ROW.draft)]
    with closing(sqlite3.connect(place.log)) as rows, rows:  # as the guide for IT people says it
        rows.execute("PRAGMA secure_delete = ON")
        rows.execute("UPDATE drafts SET kept_name = NULL, kept_note = NULL, kept_draft = NULL")
    assert b"Chest pain" not in place.log.read_bytes()
    assert audit.verify(place).faults == ()


@pytest.mark.parametrize("column", records.PLAIN.split(", "))
def test_a_change_of_any_column_of_a_record_is_found(place: LogFiles, column: str) -> None:
    draft(place)
    draft(place)
    execute(place, f"UPDATE drafts SET {column} = 'other' WHERE entry = 2")
    assert audit.verify(place).faults == ("the record of row 2 was changed",)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM drafts WHERE entry = 1", "the record of row 1 is missing"),
        ("UPDATE drafts SET entry = 7 WHERE entry = 1", "the record of row 1 is missing"),
        ("DROP TABLE drafts", "the record of row 1 is missing"),
        (
            f"INSERT INTO drafts (entry, {records.PLAIN}) SELECT 3, {records.PLAIN} FROM drafts",
            "a record belongs to row 3, which should have none",
        ),
    ],
)
def test_a_record_that_is_taken_away_or_put_in_is_found(
    place: LogFiles, statement: str, fault: str
) -> None:
    draft(place)
    log = Log(place)
    log.add("sign", "Dr A", WHEN, {})
    execute(place, statement)
    assert fault in audit.verify(place).faults


def test_a_full_disk_leaves_neither_row_nor_record(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, opened = Log(place), database.open_rows

    def narrow(path: Path) -> sqlite3.Connection:
        rows = opened(path)
        (pages,) = rows.execute("PRAGMA page_count").fetchone()
        rows.execute(f"PRAGMA max_page_count = {pages}")
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(database, "open_rows", narrow)
        with pytest.raises(EdgemedError, match="full") as error:
            log.add_draft(ROW, "Dr A", WHEN, KeptText("smith.txt", "x" * 100_000, ROW.draft))
        assert "smith" not in str(error.value)
    assert audit.read(place) == [] == execute(place, "SELECT * FROM drafts")
    log.add_draft(ROW, "Dr A", WHEN)
    assert audit.verify(place).entries == 1


def test_a_log_of_a_newer_edgemed_is_refused_and_stays_as_it_is(place: LogFiles) -> None:
    draft(place)
    execute(place, f"PRAGMA user_version = {len(records.SCHEMA) + 1}")
    before = place.log.read_bytes()
    for step in (lambda: Log(place), lambda: audit.verify(place), lambda: audit.read(place)):
        with pytest.raises(EdgemedError, match="newer"):
            step()
    assert place.log.read_bytes() == before


def test_a_files_hash_is_remembered_until_the_file_changes(place: LogFiles, tmp_path: Path) -> None:
    log, file = Log(place), tmp_path / "model.gguf"
    file.write_bytes(b"one")
    first = file_hash(log, file)
    remember(log, file, "known")
    assert file_hash(log, file) == "known" != first
    file.write_bytes(b"three")
    assert file_hash(log, file) not in ("known", first)
    file.unlink()
    with pytest.raises(EdgemedError, match="cannot be read"):
        file_hash(log, file)


def test_while_another_program_holds_the_log_every_step_says_so_and_later_works(
    place: LogFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    log, file = Log(place), tmp_path / "model.gguf"
    file.write_bytes(b"one")
    with closing(sqlite3.connect(place.log, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for step in (
            lambda: log.add_draft(ROW, "Dr A", WHEN),
            lambda: file_hash(log, file),
            lambda: remember(log, file, "0"),
            lambda: Log(place),
        ):
            with pytest.raises(database.Held, match="another program"):
                step()
    assert log.add_draft(ROW, "Dr A", WHEN).number == 1


def test_the_drafts_are_listed_by_the_note_whatever_key_made_their_mark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = audit.default_place()
    old_audit(place)  # three drafts of the screen before there were records
    old_records(place, notes=tuple(f"{note}\r\n" for note in NOTES))
    note = tmp_path / "note.txt"
    note.write_text(f"{NOTES[0]}\r\n", newline="")
    log = Log(place)
    log.add_draft(replace(ROW, note=f"{NOTES[0]}\n"), "Dr A", WHEN, KeptText("n", NOTES[0], "x"))
    log.add_draft(ROW, "Dr B", WHEN)
    assert main(["audit", "drafts"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 + 3 + 2
    assert lines[0] == f"row 1: {OLD}, by m: stop, Dr A"
    assert lines[3] == f"row 4: {OLD}, soap by m {'0' * 12}: stop, note and draft kept"
    assert lines[-1] == f"row 6: {WHEN}, soap by m {'0' * 12}: stop, Dr B"
    assert main(["audit", "drafts", "--note", str(note), "--json"]) == 0
    out = capsys.readouterr().out
    found = [json.loads(line) for line in out.splitlines()]
    assert [(d["row"], d["kept"]) for d in found] == [(4, True), (5, True)]
    assert found[1]["settings"] == {"seed": 0} and NOTES[0] not in out
    note.write_text("Never seen.")
    assert main(["audit", "drafts", "--note", str(note)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("action", ["drafts", "export"])
def test_a_log_that_was_taken_away_is_not_said_to_be_empty(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = audit.default_place()
    assert main(["audit", action]) == 0
    assert "FAULT" not in capsys.readouterr().err
    Log(place).add_draft(ROW, "Dr B", WHEN)
    place.log.unlink()
    assert main(["audit", action]) == 3
    printed = capsys.readouterr()
    assert printed.out == "" and "FAULT: the log is missing, but its seal is there" in printed.err
