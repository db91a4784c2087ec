"""Records of earlier versions are taken into the log once, whole or not at all."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.logs import audit, database, earlier, seals
from edgemed.logs.audit import Log, LogFiles
from edgemed.logs.records import RECORD, Drafted
from tests.edgemed.logs.earlier_logs import (
    AUDIT_KEY,
    NOTES,
    WHEN,
    old_audit,
    old_mark,
    old_records,
    place_in,
)

ROW = Drafted("A new note.", "A draft.", "m", "0" * 64, "soap", "1" * 64, {}, "stop", {})


@pytest.fixture
def place(tmp_path: Path) -> LogFiles:
    return place_in(tmp_path / "edgemed")


def drafts(place: LogFiles) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(place.log)) as rows:
        query = "SELECT note_mark, kept_note, entry FROM drafts ORDER BY number"
        return rows.execute(query).fetchall()


def files(place: LogFiles) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.log.parent.iterdir()}


def taken(place: LogFiles) -> list[audit.Entry]:
    return [row for row in audit.read(place) if row.what == earlier.TAKEN_IN]


@pytest.mark.parametrize("audited", [False, True])
@pytest.mark.parametrize("version", [None, 0, 1, 2])
def test_whatever_earlier_versions_left_becomes_one_log(
    place: LogFiles, audited: bool, version: int | None
) -> None:
    if audited:
        old_audit(place)
        before = audit.read(place)
    if version is not None:
        old_records(place, version)
        old = place.log.with_name("records.sqlite").read_bytes()
    log = Log(place)
    log.add_draft(ROW, "Dr A", audit.now())
    verdict = audit.verify(place)
    assert (verdict.faults, verdict.notes) == ((), ())
    if audited:
        assert audit.read(place)[:3] == before and place.key.read_bytes() == AUDIT_KEY
    there = drafts(place)
    assert [row[0] for row in there[:-1]] == [old_mark(n) for n in NOTES if version]
    assert there[-1][0] == log.mark(ROW.note)
    if version:
        assert [row[1] for row in there[:3]] == [NOTES[0], None, NOTES[2]]
        assert {row[2] for row in there[:3]} == {taken(place)[0].number}
    if version is not None:
        assert place.log.with_name("records.sqlite.taken-in").read_bytes() == old
        assert not place.log.with_name("records.sqlite").exists()


def test_what_was_recorded_under_the_old_key_is_recognised(place: LogFiles) -> None:
    old_audit(place)
    old_records(place)
    Log(place)
    (entry,) = taken(place)
    assert earlier.mark(AUDIT_KEY, entry, NOTES[1]) == drafts(place)[1][0]
    with pytest.raises(ValueError):
        earlier.mark(AUDIT_KEY, audit.read(place)[0], NOTES[1])


def test_hashes_of_models_are_taken_along(place: LogFiles) -> None:
    old_records(place)
    Log(place)
    with closing(sqlite3.connect(place.log)) as rows:
        assert rows.execute("SELECT hash FROM files").fetchall() == [("known",)]


def test_a_seal_kept_before_still_counts_after(place: LogFiles, tmp_path: Path) -> None:
    old_audit(place)
    (tmp_path / "stick").mkdir()
    with closing(sqlite3.connect(place.log)) as rows:
        mac = rows.execute("SELECT mac FROM entries WHERE number = 3").fetchone()[0]
    old = tmp_path / "stick" / "edgemed-seal-old.txt"
    old.write_text(f"3:{mac.hex()}\nSeal of the edgemed audit log\n")
    old_records(place)
    Log(place)
    assert audit.verify(place, seals.seal_from(str(old))).faults == ()


def test_a_second_opening_takes_nothing_twice(place: LogFiles) -> None:
    old_records(place)
    Log(place)
    for ending in ("sqlite", "key"):  # as if it had been killed before the files were renamed
        old = place.log.with_name(f"records.{ending}")
        shutil.copy(f"{old}.taken-in", old)
    Log(place)
    assert len(drafts(place)) == 3 and len(taken(place)) == 1
    names = sorted(files(place))
    assert "records.sqlite.taken-in-2" in names and "records.sqlite" not in names


def test_what_an_earlier_version_adds_later_is_taken_in_too(place: LogFiles) -> None:
    old_records(place, notes=NOTES[:2])
    Log(place)
    old_records(place)
    Log(place)
    assert [row[0] for row in drafts(place)] == [old_mark(n) for n in NOTES]
    assert len(taken(place)) == 2
    assert audit.verify(place).faults == ()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_into_a_log_that_was_changed_nothing_is_taken_and_nothing_is_repaired(
    place: LogFiles, number: int
) -> None:
    old_audit(place)
    old_records(place)
    with closing(sqlite3.connect(place.log)) as rows, rows:
        rows.execute("UPDATE entries SET who = 'Dr B' WHERE number = ?", (number,))
    before = files(place)
    with pytest.raises(InvalidFile, match="changed"):
        Log(place)
    assert files(place) == before
    assert f"row {number} was changed" in audit.verify(place).faults
    apart = place.log.parent.with_name("evidence")
    apart.mkdir()
    for path in (place.log, place.key, place.seal):
        path.rename(apart / path.name)
    Log(place)  # a new log begins, with the records
    assert len(drafts(place)) == 3
    assert audit.verify(place_in(apart)).faults


def test_a_changed_row_without_old_records_stays_evidence_as_well(place: LogFiles) -> None:
    old_audit(place)
    with closing(sqlite3.connect(place.log)) as rows, rows:
        rows.execute("UPDATE entries SET who = 'Dr B' WHERE number = 1")
    before = files(place)
    with pytest.raises(InvalidFile, match="row 1 was changed"):
        Log(place)
    assert files(place) == before


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="POSIX modes, no root")
def test_in_a_folder_that_cannot_be_written_it_is_refused_in_words(place: LogFiles) -> None:
    old_audit(place)
    old_records(place)
    before = files(place)
    place.log.parent.chmod(0o500)
    try:
        with pytest.raises(EdgemedError) as refusal:
            Log(place)
        assert "write" in refusal.value.message and str(place.log.parent) in refusal.value.hint
        assert audit.verify(place).faults == ()
        assert any("not taken in yet" in note for note in audit.verify(place).notes)
    finally:
        place.log.parent.chmod(0o700)
    assert files(place) == before


@pytest.mark.parametrize("damage", ["key gone", "key short", "no database"])
def test_records_that_cannot_be_read_are_named_with_two_ways_on(
    place: LogFiles, damage: str
) -> None:
    old_audit(place)
    old_records(place)
    key, old = (place.log.with_name(f"records.{e}") for e in ("key", "sqlite"))
    if damage == "key gone":
        key.unlink()
    elif damage == "key short":
        key.write_bytes(b"r" * 31)
    else:
        old.write_bytes(b"no database" * 100)
    before = files(place)
    with pytest.raises(EdgemedError, match="records of an earlier version") as refusal:
        Log(place)
    assert "copy" in refusal.value.hint and "another folder" in refusal.value.hint
    left = files(place)
    assert {n: left[n] for n in before if "records" in n} == {
        n: b for n, b in before.items() if "records" in n
    }
    assert audit.verify(place).faults == ()


DAMAGES = {
    "blob for a time": "UPDATE drafts SET at = x'ff00' WHERE number = 1",
    "blob for settings": "UPDATE drafts SET settings = x'ff00'",
    "nothing for a model": "UPDATE drafts SET model = NULL",
    "blob for a note": "UPDATE drafts SET kept_note = x'ff'",
    "note that is not UTF-8": "UPDATE drafts SET kept_note = CAST(x'534d495448ff' AS TEXT)",
    "word for a size": "INSERT INTO files VALUES ('/m', 'big', 3, 'hash')",
    "blob for a path": "INSERT INTO files VALUES (x'ff', 1, 2, 'hash')",
    "no table that we know": "ALTER TABLE drafts RENAME COLUMN at TO moment",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_values_of_other_kinds_in_old_records_are_refused_and_never_quoted(
    place: LogFiles, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old_audit(place)
    old_records(place)
    old = place.log.with_name("records.sqlite")
    with closing(sqlite3.connect(old)) as rows, rows:
        rows.execute("PRAGMA writable_schema = 1")
        rows.execute("UPDATE sqlite_schema SET sql = replace(sql, ' STRICT', '')")
        rows.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
    with closing(sqlite3.connect(old)) as rows, rows:
        rows.execute(DAMAGES[damage])
    before = files(place)
    with pytest.raises(EdgemedError, match="records of an earlier version") as refusal:
        Log(place)
    assert "another folder" in refusal.value.hint
    traceback.print_exception(refusal.value)
    assert "SMITH" not in capsys.readouterr().err
    left = files(place)
    assert all(left[name] == data for name, data in before.items() if "records" in name)
    assert audit.verify(place).faults == ()


def test_records_that_an_earlier_version_writes_just_now_are_waited_for(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    old_records(place)
    path = place.log.with_name("records.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(database.Held, match="records of an earlier version"):
            Log(place)
    Log(place)
    assert len(drafts(place)) == 3


def test_first_starts_at_once_take_the_records_in_once(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 20.0)
    old_audit(place)
    old_records(place)
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def begin() -> None:
        try:
            gate.wait()
            Log(place).add_draft(ROW, "Dr A", WHEN)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(drafts(place)) == 3 + 8 and len(taken(place)) == 1
    assert audit.verify(place).faults == ()


def test_a_record_that_was_taken_in_and_changed_is_found(place: LogFiles) -> None:
    old_records(place)
    Log(place)
    with closing(sqlite3.connect(place.log)) as rows, rows:
        rows.execute("UPDATE drafts SET model = 'other' WHERE number = 2")
    (entry,) = taken(place)
    assert RECORD in entry.facts
    assert audit.verify(place).faults == (f"the record of row {entry.number} was changed",)


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
def test_kills_at_random_moments_leave_the_old_files_or_the_log() -> None:
    seed = str(os.getpid())
    command = [sys.executable, "-m", "tests.bench.kill_take_in", "10", "--seed", seed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    assert "10 kills" in done.stdout
