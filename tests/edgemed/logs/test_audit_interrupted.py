"""The audit log after kills, held by others, and on a full disk: nothing needs a hand."""

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.logs import audit, database
from edgemed.logs.audit import Log, LogFiles
from edgemed.storage import whole

WHEN = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def place(tmp_path: Path) -> LogFiles:
    return LogFiles(
        tmp_path / "data" / "log", tmp_path / "keys" / "key", tmp_path / "keys" / "seal"
    )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)


def sign(log: Log, number: int = 0) -> None:
    log.add("sign", "Dr A", WHEN, {"number": number})


@contextmanager
def held(place: LogFiles) -> Iterator[None]:
    """Another program that holds the log."""
    other = sqlite3.connect(place.log, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()


def test_a_log_that_another_program_holds_is_a_refusal_and_then_written(place: LogFiles) -> None:
    log = Log(place)
    with held(place):
        with pytest.raises(EdgemedError, match="another program") as refusal:
            sign(log)
        assert "again" in refusal.value.hint
        with pytest.raises(EdgemedError, match="another program"):
            Log(place)
    sign(log)
    assert [row.number for row in audit.read(place)] == [1]
    assert audit.verify(place).faults == ()


def test_a_short_hold_is_waited_for(place: LogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 20.0)
    log = Log(place)
    other = sqlite3.connect(place.log, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.2, other.close).start()
    sign(log)
    assert audit.verify(place).entries == 1


def test_a_log_that_sqlite_cannot_write_is_a_refusal_and_can_be_written_later(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(place)
    sign(log)
    opened = database.open_rows

    def narrow(path: Path) -> sqlite3.Connection:
        rows = opened(path)
        (pages,) = rows.execute("PRAGMA page_count").fetchone()
        rows.execute(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL, as on a full disk
        return rows

    monkeypatch.setattr(database, "open_rows", narrow)
    with pytest.raises(EdgemedError, match="full") as refusal:
        log.add("sign", "Dr A", WHEN, {"long": "x" * 100_000})
    assert "free" in refusal.value.hint
    monkeypatch.setattr(database, "open_rows", opened)
    sign(log)
    assert audit.verify(place).faults == ()
    assert audit.verify(place).entries == 2


def full(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_row_whose_seal_finds_no_room_counts_and_is_sealed_before_the_next(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(place)
    sign(log, 1)
    written = whole.write_whole
    monkeypatch.setattr("edgemed.logs.audit.write_whole", full)
    sign(log, 2)
    verdict = audit.verify(place)
    assert verdict.faults == () and verdict.entries == 2
    assert any("not sealed yet" in note for note in verdict.notes)
    with pytest.raises(EdgemedError, match="No space left"):
        sign(log, 3)
    monkeypatch.setattr("edgemed.logs.audit.write_whole", written)
    sign(log, 3)
    verdict = audit.verify(place)
    assert (verdict.entries, verdict.faults, verdict.notes) == (3, (), ())


def test_a_full_disk_at_the_first_start_leaves_nothing_that_stands_in_the_way(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("edgemed.logs.database.write_new", "edgemed.logs.keys.write_whole"):
        with monkeypatch.context() as patch:
            patch.setattr(module, full)
            with pytest.raises(EdgemedError, match="No space left"):
                Log(place)
    sign(Log(place))
    assert audit.verify(place).faults == ()


def test_two_rows_after_the_seal_are_no_crash(place: LogFiles) -> None:
    log = Log(place)
    sign(log)
    old = place.seal.read_bytes()
    sign(log)
    sign(log)
    place.seal.write_bytes(old)
    assert any("after the seal" in fault for fault in audit.verify(place).faults)
    with pytest.raises(InvalidFile):
        sign(log)


def test_a_key_that_was_never_written_whole_is_made_where_nothing_was_logged(
    place: LogFiles,
) -> None:
    place.key.parent.mkdir()
    place.key.write_bytes(b"")
    sign(Log(place))
    assert audit.verify(place).faults == ()
    place.key.write_bytes(b"")
    with pytest.raises(InvalidFile, match="key"):
        Log(place)
    assert place.key.read_bytes() == b""


def test_every_state_between_two_steps_of_the_first_start_goes_on(place: LogFiles) -> None:
    Log(place)
    whole_files = {path: path.read_bytes() for path in (place.log, place.key, place.seal)}
    for there in ((), (place.log,), (place.log, place.key), (place.log, place.key, place.seal)):
        for bare in (True, False):
            for path, content in whole_files.items():
                path.unlink(missing_ok=True)
                if path in there:
                    path.write_bytes(b"" if bare and path == place.log else content)
            assert audit.verify(place).faults == ()
            sign(Log(place))
            assert audit.verify(place).faults == ()
            assert audit.verify(place).entries == 1


def test_the_first_row_without_its_seal_is_accepted_and_a_missing_seal_is_not(
    place: LogFiles,
) -> None:
    log = Log(place)
    begun = place.seal.read_bytes()
    sign(log)
    place.seal.write_bytes(begun)
    assert audit.verify(place).faults == ()
    sign(Log(place))
    assert audit.verify(place).faults == ()
    place.seal.unlink()
    assert audit.verify(place).faults == ("the seal is missing",)
    with pytest.raises(InvalidFile, match="the seal is missing"):
        sign(log)


def interrupted(place: LogFiles) -> None:
    """Leave the journal of a transaction that was killed after it had changed the log."""
    other = sqlite3.connect(place.log, isolation_level=None)
    other.execute("PRAGMA cache_spill = 1")
    other.execute("PRAGMA cache_size = 1")
    other.execute("BEGIN IMMEDIATE")
    for number in range(100, 200):
        row = (number, WHEN, "x", "sign", "{}" * 400, b"0" * 32)
        other.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
    journal = place.log.with_name(place.log.name + "-journal")
    left = {path: path.read_bytes() for path in (place.log, journal)}
    assert len(left[journal]) > 512
    other.execute("ROLLBACK")
    other.close()
    for path, content in left.items():
        path.write_bytes(content)


def test_a_hot_journal_is_read_without_touching_it_and_rolled_back_by_the_next_row(
    place: LogFiles,
) -> None:
    log = Log(place)
    sign(log)
    interrupted(place)
    before = {path: path.read_bytes() for path in place.log.parent.iterdir()}
    assert len(before) == 2
    verdict = audit.verify(place)
    assert (verdict.entries, verdict.faults) == (1, ())
    assert before == {path: path.read_bytes() for path in place.log.parent.iterdir()}
    sign(log)
    assert audit.verify(place).entries == 2
    assert list(place.log.parent.iterdir()) == [place.log]


def test_two_first_starts_at_once_write_one_chain(
    place: LogFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 20.0)
    failures: list[BaseException] = []
    gate = threading.Barrier(8)

    def begin() -> None:
        try:
            gate.wait()
            sign(Log(place))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    verdict = audit.verify(place)
    assert (verdict.entries, verdict.faults) == (8, ())


def test_a_log_that_is_taken_away_while_it_is_open_is_not_begun_anew(place: LogFiles) -> None:
    log = Log(place)
    sign(log)
    place.log.unlink()
    with pytest.raises(InvalidFile, match="missing"):
        sign(log)
    assert not place.log.exists()


def test_a_file_that_is_no_log_is_an_error_in_words(place: LogFiles) -> None:
    place.log.parent.mkdir()
    place.log.write_bytes(b"no database" * 100)
    with pytest.raises(EdgemedError, match="audit log"):
        Log(place)


def test_a_row_of_another_kind_is_an_error_and_no_memory(place: LogFiles) -> None:
    log = Log(place)
    sign(log)
    with sqlite3.connect(place.log) as rows:
        rows.execute("DROP TABLE entries")
        rows.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, at, who, what, facts, mac)")
        rows.execute("INSERT INTO entries VALUES (1, 'a', 'b', 'c', 'd', 99999999999)")
    with pytest.raises(InvalidFile, match="row 1"):
        audit.verify(place)
    with pytest.raises(InvalidFile):
        sign(log)


def test_a_clock_that_was_set_back_is_recorded_and_said(place: LogFiles) -> None:
    log = Log(place)
    log.add("draft", "Dr A", "2026-01-02T03:04:05+00:00", {})
    log.add("sign", "Dr A", "2026-01-02T03:04:03+00:00", {})  # another process came between
    log.add("sign", "Dr A", "2026-01-01T03:04:05+00:00", {"note": "n"})
    facts = [row.facts for row in audit.read(place)]
    assert facts[1] == "{}"
    assert facts[2] == '{"clock_back": "2026-01-02T03:04:03+00:00", "note": "n"}'
    verdict = audit.verify(place)
    assert verdict.faults == ()
    assert verdict.notes == (
        "row 3 has an earlier time (2026-01-01T03:04:05+00:00) than row 2 "
        "(2026-01-02T03:04:03+00:00): the clock was set back",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_every_file_is_readable_by_its_user_alone_whatever_the_umask(place: LogFiles) -> None:
    before = os.umask(0)
    try:
        sign(Log(place))
    finally:
        os.umask(before)
    files = (place.log, place.key, place.seal)
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in files} == {0o700}


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
@pytest.mark.parametrize(("bench", "kills"), [("kill_audit", "15"), ("kill_summarize", "2")])
def test_kills_at_random_moments_need_no_hand(bench: str, kills: str) -> None:
    command = [sys.executable, "-m", f"tests.bench.{bench}", kills, "--seed", str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)
    assert f"{kills} kills" in done.stdout
