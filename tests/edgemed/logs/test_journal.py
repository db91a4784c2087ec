"""A write that was cut short is undone in memory to the bytes that SQLite would leave."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edgemed.logs import audit
from edgemed.logs.journal import rolled_back
from tests.edgemed.logs.earlier_logs import place_in


def interrupted(path: Path, pages: int, page: int, grown: int, shrunk: bool) -> tuple[bytes, bytes]:
    """Database and journal as a kill leaves them in the middle of a large write."""
    with closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.execute(f"PRAGMA page_size = {page}")
        rows.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, x TEXT)")
        filling = "x" * (page - 200)
        insert = "INSERT INTO t VALUES (?, ?)"
        rows.executemany(insert, [(n, filling) for n in range(pages)])
        rows.execute("PRAGMA cache_size = 5")
        rows.execute("PRAGMA cache_spill = 1")
        rows.execute("BEGIN IMMEDIATE")
        rows.executemany(
            "INSERT INTO t VALUES (?, ?)", [(n + pages, filling) for n in range(grown)]
        )
        rows.execute("UPDATE t SET x = ? WHERE n % 3 = 0", ("y" * (page - 200),))
        if shrunk:
            rows.execute("DELETE FROM t WHERE n % 2 = 0")
        left = path.read_bytes(), Path(f"{path}-journal").read_bytes()
        rows.execute("ROLLBACK")
    return left


def by_sqlite(path: Path, database: bytes, journal: bytes) -> bytes:
    path.write_bytes(database)
    Path(f"{path}-journal").write_bytes(journal)
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("SELECT count(*) FROM t").fetchone()
    return path.read_bytes()


@pytest.mark.parametrize("page", [512, 1024, 4096, 65536])
@pytest.mark.parametrize(("grown", "shrunk"), [(0, False), (60, False), (40, True)])
def test_it_is_what_sqlite_leaves(tmp_path: Path, page: int, grown: int, shrunk: bool) -> None:
    database, journal = interrupted(tmp_path / "a", 120, page, grown, shrunk)
    assert len(journal) > page
    want = by_sqlite(tmp_path / "b", database, journal)
    assert rolled_back(database, journal) == want != database


def test_a_journal_cut_or_changed_anywhere_is_read_as_sqlite_reads_it(tmp_path: Path) -> None:
    moments = random.Random(5)
    database, journal = interrupted(tmp_path / "a", 60, 1024, 20, True)
    for number in range(40):
        damaged = bytearray(journal[: moments.randrange(600, len(journal))])
        if number % 2:
            damaged[moments.randrange(600, len(damaged))] ^= 0x5A
        path = tmp_path / f"c{number}"
        try:
            want = by_sqlite(path, database, bytes(damaged))
        except sqlite3.DatabaseError:  # what is left is no database: SQLite read that far
            want = path.read_bytes()
        assert rolled_back(database, bytes(damaged)) == want, number


def test_what_is_no_journal_undoes_nothing() -> None:
    for journal in (b"", b"x" * 600, bytes(600)):
        assert rolled_back(b"database", journal) == b"database"


def test_a_first_write_that_was_cut_short_leaves_a_log_without_rows(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    place.log.touch()
    with closing(sqlite3.connect(place.log, isolation_level=None)) as rows:
        rows.execute("PRAGMA cache_size = 1")
        rows.execute("PRAGMA cache_spill = 1")
        rows.execute("BEGIN IMMEDIATE")
        rows.execute("CREATE TABLE entries (x)")
        rows.executemany("INSERT INTO entries VALUES (?)", [("x" * 900,)] * 90)
        journal = tmp_path / "audit.sqlite-journal"
        left = {path: path.read_bytes() for path in (place.log, journal)}
        rows.execute("ROLLBACK")
    for path, data in left.items():
        path.write_bytes(data)
    assert rolled_back(left[place.log], left[journal]) == b""
    assert audit.read(place) == []
    assert audit.verify(place).faults == ()
