"""Records: keyed marks, migrations from every version, private files."""

import sqlite3
import stat
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from edgemed.errors import EdgemedError
from edgemed.logs import database
from edgemed.logs.records import MIGRATIONS, Draft, Held, Kept, Records

ROW = Draft(
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


def stored(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.iterdir())


def test_a_record_can_be_recognised_but_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "r" / "records.sqlite"
    with Records(path) as records:
        assert records.add(ROW) == 1
        (mark,) = records.rows.execute("SELECT note_mark FROM drafts").fetchone()
        assert mark == records.mark(ROW.note) != records.mark(ROW.note + " ")
    assert b"Chest pain" not in stored(path)


def test_the_same_note_has_another_mark_on_another_machine(tmp_path: Path) -> None:
    marks = set()
    for name in ("a", "b"):
        with Records(tmp_path / name / "records.sqlite") as records:
            marks.add(records.mark(ROW.note))
    assert len(marks) == 2


def test_keep_stores_note_draft_and_name(tmp_path: Path) -> None:
    with Records(tmp_path / "r.sqlite") as records:
        records.add(ROW, Kept("smith.txt", ROW.note, ROW.draft))
        row = records.rows.execute("SELECT kept_name, kept_note, kept_draft FROM drafts")
        assert row.fetchone() == ("smith.txt", ROW.note, ROW.draft)


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_records_of_every_older_version_are_brought_up_to_date(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "records.sqlite"
    with closing(sqlite3.connect(path)) as old:
        for statement in MIGRATIONS[:version]:
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        old.commit()
    for number in (1, 2):
        with Records(path) as records:
            assert records.add(ROW) == number


def test_records_of_a_newer_edgemed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(EdgemedError, match="newer"):
        Records(path)


def test_a_damaged_key_is_an_error_not_a_weak_mark(tmp_path: Path) -> None:
    with Records(tmp_path / "records.sqlite") as records:
        records.add(ROW)
    for damage in (b"", b"x" * 31, b"x" * 33):
        (tmp_path / "records.key").write_bytes(damage)
        with pytest.raises(EdgemedError, match="key"):
            Records(tmp_path / "records.sqlite")
        assert (tmp_path / "records.key").read_bytes() == damage


def test_a_key_that_was_never_written_whole_is_made_while_nothing_is_recorded(
    tmp_path: Path,
) -> None:
    (tmp_path / "records.key").write_bytes(b"")
    for number in (1, 2):
        with Records(tmp_path / "records.sqlite") as records:
            assert records.add(ROW) == number


def test_first_starts_at_once_make_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 20.0)
    gate, marks, failures = threading.Barrier(8), set(), []

    def begin() -> None:
        try:
            gate.wait()
            with Records(tmp_path / "r" / "records.sqlite") as records:
                marks.add(records.mark("note"))
                records.add(ROW)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(marks) == 1
    with Records(tmp_path / "r" / "records.sqlite") as records:
        assert records.add(ROW) == 9


def test_records_that_another_program_holds_are_an_error_and_then_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    path = tmp_path / "records.sqlite"
    file = tmp_path / "model.gguf"
    file.write_bytes(b"one")
    with Records(path) as records:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for step in (
                lambda: records.add(ROW),
                lambda: records.file_hash(file),
                lambda: records.remember(file, "0"),
                lambda: Records(path),
            ):
                with pytest.raises(Held, match="another program"):
                    step()
        assert records.add(ROW) == 1


def test_a_migration_that_breaks_off_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.sqlite"
    with monkeypatch.context() as patch:
        patch.setattr("edgemed.logs.records.MIGRATIONS", (*MIGRATIONS, "CREATE TABLE drafts (a)"))
        with pytest.raises(EdgemedError):
            Records(path)
    with closing(sqlite3.connect(path)) as rows:
        assert rows.execute("PRAGMA user_version").fetchone() == (0,)
    with Records(path) as records:
        assert records.add(ROW) == 1


def test_a_full_disk_is_an_error_in_words_and_the_row_goes_in_later(tmp_path: Path) -> None:
    with Records(tmp_path / "records.sqlite") as records:
        (pages,) = records.rows.execute("PRAGMA page_count").fetchone()
        records.rows.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EdgemedError, match="SQLITE_FULL") as error:
            records.add(ROW, Kept("smith.txt", "x" * 100_000, ROW.draft))
        assert "smith" not in str(error.value)
        records.rows.execute("PRAGMA max_page_count = 1000000")
        assert records.add(ROW) == 1


def test_what_is_no_database_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(EdgemedError) as error:
        Records(tmp_path / "records.sqlite")
    assert error.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_records_and_key_are_readable_by_their_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    with Records(path) as records:
        records.add(ROW)
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (path, path.with_suffix(".key"))}
    assert modes == {0o600}


def test_a_files_hash_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"one")
    with Records(tmp_path / "records.sqlite") as records:
        first = records.file_hash(file)
        assert records.file_hash(file) == first
        file.write_bytes(b"three")
        assert records.file_hash(file) != first
