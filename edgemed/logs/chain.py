"""Rows, seals and the arithmetic that ties them to a key: no files, no database.

Row n carries HMAC-SHA-256(key, mac of row n-1, row n). A seal names one row and its mac, and so
every row before it. Each use of the key has a key of its own, derived from it.
"""

import hmac
import json
import re
import secrets
from typing import NamedTuple

from edgemed.errors import InvalidFile, UsageError

START = bytes(32)  # the mac before the first row
SEAL = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)
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
    """A row's number and mac: a log that holds this row holds every row before it."""

    number: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.mac.hex()}"


BEGUN = Seal(0, START)
"""The seal of a log without a row."""


def entry_of(values: tuple[object, ...]) -> Entry:
    """A row as it was stored; InvalidFile if a value has a type that edgemed never writes."""
    number, *texts, mac = values
    if not all(isinstance(text, str) for text in texts) or not isinstance(mac, bytes):
        raise InvalidFile(f"row {number} of the audit log was not written by edgemed", EVIDENCE)
    return Entry(*values)  # type: ignore[arg-type]


def seal_of(entry: Entry) -> Seal:
    """The seal that names this row."""
    return Seal(entry.number, entry.mac)


def subkey(key: bytes, use: bytes) -> bytes:
    """A key for one use, so that a mark can never pass as a mac."""
    return hmac.digest(key, b"edgemed audit " + use, "sha256")


def wrapped(key: bytes, other: bytes) -> str:
    """Another key of 32 bytes, encrypted so that only this one opens it: a nonce, and the other key
    under a pad that is used once."""
    nonce = secrets.token_bytes(16)
    return (nonce + _under_pad(key, nonce, other)).hex()


def unwrapped(key: bytes, text: str) -> bytes:
    """The key that was wrapped. ValueError if `text` wraps none."""
    data = bytes.fromhex(text)
    if len(data) != 48:
        raise ValueError("not a wrapped key")
    return _under_pad(key, data[:16], data[16:])


def _under_pad(key: bytes, nonce: bytes, secret: bytes) -> bytes:
    pad = hmac.digest(subkey(key, b"earlier key"), nonce, "sha256")
    return bytes(a ^ b for a, b in zip(secret, pad, strict=True))


def mac_of(
    key: bytes, before: bytes, number: int, at: str, who: str, what: str, facts: str
) -> bytes:
    """The row's mac; JSON keeps the fields apart, whatever they contain."""
    row = json.dumps([number, at, who, what, facts]).encode()
    return hmac.digest(subkey(key, b"chain"), before + row, "sha256")


def follows(key: bytes, before: bytes, row: Entry) -> bool:
    """Whether the row was written with this key after a row with the mac `before`."""
    made = mac_of(key, before, row.number, row.at, row.who, row.what, row.facts)
    return hmac.compare_digest(made, row.mac)


def mark_of(key: bytes, text: str) -> str:
    """A keyed hash: the same text gives the same mark, and a mark cannot be guessed back."""
    secret = text.encode("utf-8", "surrogatepass")
    return hmac.digest(subkey(key, b"mark"), secret, "sha256").hex()


def name_of(key: bytes) -> str:
    """Eight letters that distinguish this log from others and reveal nothing of its key."""
    return hmac.digest(subkey(key, b"name"), b"", "sha256").hex()[:8]


def as_line(key: bytes, seal: Seal) -> bytes:
    """The line of the seal's file, with a proof that the key's holder wrote it."""
    return f"{seal.number} {seal.mac.hex()} {_proof(key, seal).hex()}\n".encode("ascii")


def from_line(key: bytes, line: bytes) -> Seal | None:
    """The seal in that line; None if it was not written with this key."""
    try:
        number, mac, proof = line.decode("ascii").split()
        seal = Seal(int(number), bytes.fromhex(mac))
        right = hmac.compare_digest(bytes.fromhex(proof), _proof(key, seal))
    except ValueError:
        return None
    return seal if right else None


def parse_seal(text: str) -> Seal:
    """A seal as it is printed: NUMBER:HEX."""
    found = SEAL.fullmatch(text.strip())
    if found is None:
        raise UsageError("this is not a seal", "give NUMBER:HEX, or a file that holds a seal")
    return Seal(int(found[1]), bytes.fromhex(found[2]))


def _proof(key: bytes, seal: Seal) -> bytes:
    return hmac.digest(subkey(key, b"seal"), str(seal).encode(), "sha256")
