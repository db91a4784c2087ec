"""The audit log finds every change: a row, an order, a cut tail, a rewrite, a lost file."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgemed.cli.main import main
from edgemed.errors import EdgemedError, InvalidFile
from edgemed.logs import audit
from edgemed.logs.audit import Log, LogFiles, Seal

WHEN = "2026-01-02T03:04:05+00:00"
COLUMNS = ("at", "who", "what", "facts", "mac")


@pytest.fixture
def place(tmp_path: Path) -> LogFiles:
    return LogFiles(
        tmp_path / "data" / "log", tmp_path / "keys" / "key", tmp_path / "keys" / "seal"
    )


@pytest.fixture
def filled(place: LogFiles) -> Iterator[LogFiles]:
    log = Log(place)
    for i in range(5):
        log.add("dismiss", "Dr A", WHEN, {"check": "dose", "i": i})
    yield place


def execute(place: LogFiles, statement: str, *values: object) -> None:
    with sqlite3.connect(place.log) as rows:
        rows.execute(statement, values)
    rows.close()


def test_an_untouched_log_has_no_fault(filled: LogFiles) -> None:
    verdict = audit.verify(filled)
    assert verdict.faults == ()
    assert verdict.entries == 5


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_change_of_any_column_of_any_row_is_found(
    filled: LogFiles, column: str, number: int
) -> None:
    value: object = b"\0" * 32 if column == "mac" else "other"
    execute(filled, f"UPDATE entries SET {column} = ? WHERE number = ?", value, number)
    assert any(f"row {number}" in fault for fault in audit.verify(filled).faults)


def test_a_removed_row_is_found(filled: LogFiles) -> None:
    execute(filled, "DELETE FROM entries WHERE number = 2")
    assert "row 2 is missing" in audit.verify(filled).faults


def test_a_cut_tail_is_found_though_the_rows_left_agree(filled: LogFiles) -> None:
    execute(filled, "DELETE FROM entries WHERE number > 3")
    assert audit.verify(filled).faults == ("the seal names row 5, the log ends at row 3",)


def test_two_rows_exchanged_are_found(filled: LogFiles) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        execute(filled, "UPDATE entries SET number = ? WHERE number = ?", new, old)
    assert audit.verify(filled).faults


def test_a_log_written_anew_without_the_key_is_found(filled: LogFiles, tmp_path: Path) -> None:
    other = LogFiles(tmp_path / "x" / "log", tmp_path / "x" / "key", tmp_path / "x" / "seal")
    log = Log(other)
    for i in range(5):
        log.add("dismiss", "Dr A", WHEN, {"check": "dose", "i": i})
    filled.log.write_bytes(other.log.read_bytes())
    assert audit.verify(filled).faults


def test_a_seal_kept_elsewhere_finds_a_rewrite_by_one_who_has_the_key(filled: LogFiles) -> None:
    kept = audit.verify(filled).seal
    filled.log.unlink()
    filled.seal.unlink()
    log = Log(filled)
    for _ in range(6):
        log.add("sign", "Dr B", WHEN, {})
    assert audit.verify(filled).faults == ()
    assert audit.verify(filled, kept).faults == ("row 5 is not the row that the given seal names",)


def test_a_changed_or_missing_seal_is_found(filled: LogFiles) -> None:
    text = filled.seal.read_text()
    filled.seal.write_text(text.replace("5 ", "4 ", 1))
    assert audit.verify(filled).faults == ("the seal was changed",)
    filled.seal.unlink()
    assert audit.verify(filled).faults == ("the seal is missing",)


def test_a_missing_log_is_found_and_no_new_one_is_begun(filled: LogFiles) -> None:
    filled.log.unlink()
    assert audit.verify(filled).faults == ("the log is missing, but its seal is there",)
    with pytest.raises(InvalidFile):
        Log(filled)


def test_a_crash_between_row_and_seal_is_no_fault(filled: LogFiles) -> None:
    before = filled.seal.read_text()
    log = Log(filled)
    log.add("sign", "Dr A", WHEN, {})
    filled.seal.write_text(before)
    assert audit.verify(filled).faults == ()


def test_a_changed_log_is_not_written_to(filled: LogFiles) -> None:
    execute(filled, "DELETE FROM entries WHERE number = 5")
    with pytest.raises(InvalidFile, match="changed"):
        Log(filled)


def test_two_open_logs_write_one_chain(place: LogFiles) -> None:
    first, second = Log(place), Log(place)
    for log in (first, second, second, first):
        log.add("draft", "Dr A", WHEN, {})
    assert audit.verify(place).faults == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 5))
def test_any_other_text_in_a_row_is_found(
    filled: LogFiles, who: str, facts: str, number: int
) -> None:
    rows = audit.read(filled)
    if (who, facts) == (rows[number - 1].who, rows[number - 1].facts):
        return
    statement = "UPDATE entries SET who = ?, facts = ? WHERE number = ?"
    safe = [text.encode("utf-8", "replace").decode() for text in (who, facts)]
    execute(filled, statement, *safe, number)
    assert audit.verify(filled).faults
    execute(filled, statement, rows[number - 1].who, rows[number - 1].facts, number)


def test_a_mark_is_keyed(place: LogFiles, tmp_path: Path) -> None:
    log = Log(place)
    other = Log(LogFiles(tmp_path / "y" / "log", tmp_path / "y" / "key", tmp_path / "y" / "seal"))
    assert log.mark("note") == log.mark("note") != other.mark("note")


def test_a_seal_reads_back_as_printed() -> None:
    seal = Seal(7, b"\x01" * 32)
    assert audit.parse_seal(str(seal)) == seal
    with pytest.raises(EdgemedError):
        audit.parse_seal("seven")


def test_the_command_says_where_and_exits_3(
    filled: LogFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--log", str(filled.log), "--key", str(filled.key)]
    filled.seal.rename(filled.key.with_suffix(".seal"))
    assert main(["audit", "verify", *options]) == 0
    assert main(["audit", "export", *options]) == 0
    printed = capsys.readouterr()
    lines = [line for line in printed.out.splitlines() if line.startswith("{")]
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert "seal to keep elsewhere: 5:" in printed.err
    execute(filled, "UPDATE entries SET who = 'x' WHERE number = 3")
    assert main(["audit", "verify", *options]) == 3
    assert "FAULT: row 3 was changed" in capsys.readouterr().out
