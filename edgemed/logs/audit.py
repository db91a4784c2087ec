"""The audit log: who did what and when, chained with a key so that no row can change unnoticed.

Row n carries HMAC(key, mac of row n-1, row n). A seal outside the database names the last row, so
that a cut tail shows too. Whoever holds the key could rewrite log and seal alike; against that,
keep a seal elsewhere (`edgemed audit export` prints it) and give it to `edgemed audit verify`.
Holds no patient text: what must be recognised later goes in as a keyed mark (`Log.mark`).
"""

import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import EdgemedError, InvalidFile

START = bytes(32)  # what stands for the mac of the row before the first
TABLE = """CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    facts TEXT NOT NULL, mac BLOB NOT NULL) STRICT"""
EVIDENCE = (
    "keep the files as they are, and find out who had access; `edgemed audit verify` says more"
)


class Entry(NamedTuple):
    """One row: facts are JSON text as it was chained."""

    number: int
    at: str
    who: str
    what: str
    facts: str
    mac: bytes


class Seal(NamedTuple):
    """A row's number and mac: whatever log carries that row carries every row before it."""

    number: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.mac.hex()}"


@dataclass(frozen=True, slots=True)
class Place:
    """The files: the log, and apart from it the key and the seal."""

    log: Path
    key: Path
    seal: Path


def default_place() -> Place:
    """The user's own log."""
    from platformdirs import user_config_path, user_data_path

    config = user_config_path("edgemed", appauthor=False)
    data = user_data_path("edgemed", appauthor=False)
    return Place(data / "audit.sqlite", config / "audit.key", config / "audit.seal")


class Log:
    """An open log; `add` is safe from several processes at once."""

    def __init__(self, place: Place) -> None:
        """Open or begin the log. Refuses one that does not agree with its seal."""
        self.place = place
        self._key = _key(place, create=True)
        _private_folder(place.log.parent)
        new = not place.log.exists()
        if new and place.seal.exists():
            raise InvalidFile("the audit log is missing, but its seal is there", EVIDENCE)
        self._rows = sqlite3.connect(place.log, isolation_level=None, check_same_thread=False)
        if new:
            place.log.chmod(0o600)
        self._rows.execute("PRAGMA synchronous = FULL")
        self._rows.execute(TABLE)
        fault = _seal_fault(place, self._key, list(_entries(self._rows)))
        if fault:
            self.close()
            raise InvalidFile(f"the audit log was changed: {fault}", EVIDENCE)

    def add(self, what: str, who: str, at: str, facts: Mapping[str, Any]) -> Entry:
        """Append one row and seal it. On the disk when this returns."""
        text = json.dumps(facts, sort_keys=True, ensure_ascii=True)
        self._rows.execute("BEGIN IMMEDIATE")
        try:
            last = _last(self._rows)
            number = last.number + 1
            mac = _mac(self._key, last.mac, number, at, who, what, text)
            entry = Entry(number, at, who, what, text, mac)
            self._rows.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", entry)
            self._rows.execute("COMMIT")
        except sqlite3.Error as error:
            self._rows.execute("ROLLBACK")
            raise EdgemedError(
                f"the audit log cannot be written: {error}",
                f"free disk space, and see that you may write {self.place.log}",
            ) from error
        _write_seal(self.place, self._key, Seal(number, mac))
        return entry

    def mark(self, text: str) -> str:
        """A keyed hash: the same text gives the same mark, and a mark cannot be guessed back."""
        return hmac.digest(_subkey(self._key, b"mark"), text.encode(), "sha256").hex()

    def close(self) -> None:
        """Close the database."""
        self._rows.close()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many rows were read, the seal of the last, and every fault found."""

    entries: int
    seal: Seal
    faults: tuple[str, ...]


def verify(place: Place, kept: Seal | None = None) -> Verdict:
    """Check every row, the order, the seal, and a seal `kept` elsewhere."""
    if not place.log.exists():
        missing = place.seal.exists() or kept is not None
        faults = ("the log is missing, but its seal is there",) if missing else ()
        return Verdict(0, Seal(0, START), faults)
    rows = read(place)
    key = _key(place, create=False)
    found = list(_chain_faults(key, rows))
    fault = _seal_fault(place, key, rows)
    if fault:
        found.append(fault)
    if kept is not None and not _holds(rows, kept):
        found.append(f"row {kept.number} is not the row that the given seal names")
    last = rows[-1] if rows else None
    return Verdict(len(rows), Seal(last.number, last.mac) if last else Seal(0, START), tuple(found))


def read(place: Place) -> list[Entry]:
    """Every row, in order. InvalidFile where the file is no log."""
    try:
        rows = sqlite3.connect(f"{place.log.resolve().as_uri()}?mode=ro", uri=True)
        try:
            return list(_entries(rows))
        finally:
            rows.close()
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise InvalidFile(f"the audit log cannot be read: {error}", EVIDENCE) from error


def parse_seal(text: str) -> Seal:
    """A seal as `edgemed audit export` prints it."""
    number, _, mac = text.partition(":")
    try:
        return Seal(int(number), bytes.fromhex(mac))
    except ValueError as error:
        raise EdgemedError(
            "this is no seal", "give NUMBER:HEX as `edgemed audit export` printed it"
        ) from error


def _entries(rows: sqlite3.Connection) -> Iterator[Entry]:
    query = "SELECT number, at, who, what, facts, mac FROM entries ORDER BY number"
    return (Entry(n, a, w, d, f, bytes(m)) for n, a, w, d, f, m in rows.execute(query))


def _last(rows: sqlite3.Connection) -> Seal:
    found = rows.execute("SELECT number, mac FROM entries ORDER BY number DESC LIMIT 1").fetchone()
    return Seal(found[0], bytes(found[1])) if found else Seal(0, START)


def _mac(key: bytes, before: bytes, number: int, at: str, who: str, what: str, facts: str) -> bytes:
    """The row's mac; JSON keeps the fields apart, whatever stands in them."""
    row = json.dumps([number, at, who, what, facts]).encode()
    return hmac.digest(_subkey(key, b"chain"), before + row, "sha256")


def _chain_faults(key: bytes, rows: list[Entry]) -> Iterator[str]:
    before = START
    for place, row in enumerate(rows, 1):
        if row.number != place:
            yield f"row {place} is missing"
            return
        made = _mac(key, before, row.number, row.at, row.who, row.what, row.facts)
        if not hmac.compare_digest(made, row.mac):
            yield f"row {row.number} was changed"
        before = row.mac


def _seal_fault(place: Place, key: bytes, rows: list[Entry]) -> str:
    """What the seal says against the rows; empty if it agrees. One row more is a crash in `add`."""
    if not place.seal.exists():
        return "the seal is missing" if rows else ""
    seal = _read_seal(place, key)
    if seal is None:
        return "the seal was changed"
    if seal.number > len(rows):
        return f"the seal names row {seal.number}, the log ends at row {len(rows)}"
    if not _holds(rows, seal):
        return f"row {seal.number} is not the row that was sealed"
    return next(_chain_faults_after(key, rows, seal), "")


def _chain_faults_after(key: bytes, rows: list[Entry], seal: Seal) -> Iterator[str]:
    before = seal.mac
    for row in rows[seal.number :]:
        made = _mac(key, before, row.number, row.at, row.who, row.what, row.facts)
        if not hmac.compare_digest(made, row.mac):
            yield f"row {row.number} was changed"
        before = row.mac


def _holds(rows: list[Entry], seal: Seal) -> bool:
    if not 0 < seal.number <= len(rows):
        return seal == Seal(0, START)
    return hmac.compare_digest(rows[seal.number - 1].mac, seal.mac)


def _read_seal(place: Place, key: bytes) -> Seal | None:
    """The seal, or None where it was not written with this key."""
    try:
        number, mac, proof = place.seal.read_text(encoding="ascii").split()
        seal = Seal(int(number), bytes.fromhex(mac))
        right = hmac.compare_digest(bytes.fromhex(proof), _proof(key, seal))
    except (ValueError, OSError):
        return None
    return seal if right else None


def _write_seal(place: Place, key: bytes, seal: Seal) -> None:
    part = place.seal.with_name(f"{place.seal.name}.{os.getpid()}.part")
    part.write_text(f"{seal.number} {seal.mac.hex()} {_proof(key, seal).hex()}\n", encoding="ascii")
    part.chmod(0o600)
    part.replace(place.seal)


def _proof(key: bytes, seal: Seal) -> bytes:
    return hmac.digest(_subkey(key, b"seal"), str(seal).encode(), "sha256")


def _subkey(key: bytes, use: bytes) -> bytes:
    """A key for one use, so that a mark can never pass as a mac."""
    return hmac.digest(key, b"edgemed audit " + use, "sha256")


def _key(place: Place, *, create: bool) -> bytes:
    """The secret key; made on first use, never where a log exists already."""
    if create and not place.key.exists() and not place.log.exists():
        _private_folder(place.key.parent)
        fd = os.open(place.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(32))
    try:
        key = place.key.read_bytes()
    except OSError as error:
        raise InvalidFile("the audit log's key cannot be read", EVIDENCE) from error
    if len(key) != 32:
        raise InvalidFile("the audit log's key was changed", EVIDENCE)
    return key


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
