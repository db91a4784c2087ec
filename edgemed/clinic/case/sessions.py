"""A session on disk, encrypted: scrypt turns the passphrase into a key, AES-GCM does the rest.

    magic 8 | log2(n) 1 | r 1 | p 1 | salt 16 | nonce 12 | ciphertext + tag | SHA-256 of all before

The closing checksum tells a damaged file from a wrong passphrase; it protects nothing, the tag
does. The header is authenticated too. Nothing of the note is outside the ciphertext.

Two windows may have one saved session open, and a file may be restored from a backup: a file that
was changed since this process last read or wrote it is never replaced.
"""

import errno
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path

from edgemed.clinic.case.session import Session
from edgemed.clinic.case.session_data import from_data, to_data
from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.held import give_up, hold
from edgemed.storage.listing import files_in
from edgemed.storage.whole import private_folder, write_new, write_whole

MAGIC = b"EDGEMED1"
ENDING = ".edgemed"
LOG2_N, R, P = 15, 8, 1  # 32 MiB and about a tenth of a second: RFC 7914's interactive use, doubled
MAX_LOG2_N = 20  # edgemed never writes a file that needs more memory than 1 GiB
HEADER = len(MAGIC) + 3 + 16
MOST_NAMES = 10_000  # sessions that began in one second
SHORTEST = 8  # characters of a passphrase
KNOWN: dict[Path, bytes] = {}
"""SHA-256 of every session's file as this process last read or wrote it."""


class WrongPassphrase(Refused):
    """The saved session is intact; another passphrase may open it."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A key made from a passphrase once, for saving again and again without asking."""

    header: bytes
    key: bytes


def may_lock(passphrase: str) -> None:
    """Raises if the passphrase is too short to protect anything."""
    if len(passphrase) < SHORTEST:
        raise Refused(
            f"the passphrase has fewer than {SHORTEST} characters",
            "choose a longer one, such as four words",
        )


def make_lock(passphrase: str) -> Lock:
    """A fresh lock; refuses what `may_lock` refuses."""
    may_lock(passphrase)
    header = MAGIC + bytes((LOG2_N, R, P)) + secrets.token_bytes(16)
    return Lock(header, _key(passphrase, header))


def opens(lock: Lock, passphrase: str) -> bool:
    """Whether `passphrase` is the one that made `lock`."""
    return secrets.compare_digest(_key(passphrase, lock.header), lock.key)


def save(path: Path, session: Session, lock: Lock) -> Path:
    """Replace the session in `path`, completely or not at all.

    Returns the file: one with a new name beside `path` if another program has written there since
    this one last did, or is writing now.
    """
    data = _sealed(session, lock)
    with _said(path.parent):
        private_folder(path.parent)
        with _alone(path) as alone:
            if alone and _is_known(path):
                write_whole(path, data)
                KNOWN[path.absolute()] = sha256(data).digest()
                return path
        return _new(path.parent, path.stem, data)


def save_new(folder: Path, at: str, session: Session, lock: Lock) -> Path:
    """Write a session that was never saved, under an unused name; returns the file.

    The name is the moment `at` (ISO 8601), and a number where that second has a session already.
    """
    data = _sealed(session, lock)
    with _said(folder):
        private_folder(folder)
        return _new(folder, at[:19].replace(":", "").replace("T", "-"), data)


def _new(folder: Path, stamp: str, data: bytes) -> Path:
    """Write under the first free name."""
    for name in chain((stamp,), (f"{stamp}-{number}" for number in range(2, MOST_NAMES))):
        path = folder / f"{name}{ENDING}"
        with suppress(FileExistsError):
            write_new(path, data)
            KNOWN[path.absolute()] = sha256(data).digest()
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether no other process saves to `path` until this ends."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        fd = hold(lock)
    except Refused:  # another process has it, or it is not a plain file
        yield False
        return
    except EdgemedError:  # a full disk or a read-only folder: the write itself reports that
        yield True
        return
    try:
        yield True
    finally:
        give_up(lock, fd)


def _is_known(path: Path) -> bool:
    """Whether `path` is free, or holds what this process last read or wrote there."""
    try:
        return sha256(path.read_bytes()).digest() == KNOWN.get(path.absolute())
    except FileNotFoundError:
        return True


def _sealed(session: Session, lock: Lock) -> bytes:
    """The bytes of the file."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)
    body = lock.header + nonce + AESGCM(lock.key).encrypt(nonce, _plain(session), lock.header)
    return body + sha256(body).digest()


def _plain(session: Session) -> bytes:
    """What is encrypted."""
    return json.dumps(to_data(session)).encode()


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    """The system's error for writing in `folder`, with a remedy."""
    try:
        yield
    except OSError as error:
        raise EdgemedError(
            f"the session cannot be saved: {error.strerror}",
            f"free some disk space, and check that you may write in {folder}; then save again",
        ) from error


def saved_in(folder: Path) -> list[Path]:
    """The files of saved sessions, newest first. EdgemedError where `folder` cannot be read."""
    by_name = sorted(files_in(folder, ENDING), key=lambda path: path.stem)
    return by_name[::-1]  # of one second the numbered are newer


def labels(paths: Iterable[Path], passphrase: str) -> dict[Path, str]:
    """What the clinician calls these sessions, of those that `passphrase` opens."""
    found = {}
    for path in paths:
        with suppress(EdgemedError):
            found[path] = _opened(_read(path), passphrase)[0].label  # not for saving over it
    return found


def load(path: Path, passphrase: str) -> tuple[Session, Lock]:
    """The session in `path`, and the lock to save it again."""
    file = _read(path)
    session, lock = _opened(file, passphrase)
    KNOWN[path.absolute()] = sha256(file).digest()
    return session, lock


def _opened(file: bytes, passphrase: str) -> tuple[Session, Lock]:
    """The session in a file's bytes."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data = _undamaged(file)
    header, nonce, sealed = data[:HEADER], data[HEADER : HEADER + 12], data[HEADER + 12 :]
    lock = Lock(header, _key(passphrase, header))
    try:
        plain = AESGCM(lock.key).decrypt(nonce, sealed, header)
    except InvalidTag:
        raise WrongPassphrase(
            "the passphrase does not open this session", "type it again"
        ) from None
    return _session_in(plain), lock


def _session_in(plain: bytes) -> Session:
    """The decrypted session, checked: whoever knows the passphrase could have stored anything."""
    try:
        return from_data(json_of(plain))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise InvalidFile(
            "the file does not hold a session",
            "open a file that edgemed saved",
        ) from None


def default_folder() -> Path:
    """The folder of saved sessions. File names are times: they say nothing about a patient."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "sessions"


def _read(path: Path) -> bytes:
    """The file's bytes."""
    try:
        return read_bounded(path, "saved session", "the file")
    except OSError as error:
        raise EdgemedError(
            f"the session cannot be read: {error.strerror}", "check the file"
        ) from error


def _undamaged(data: bytes) -> bytes:
    """A file's bytes without the checksum, which must be right."""
    body, checksum = data[:-32], data[-32:]
    if not data.startswith(MAGIC):
        raise InvalidFile("the file is not a saved session", f"saved sessions end in {ENDING}")
    if len(body) < HEADER + 12 + 16 or sha256(body).digest() != checksum:
        raise InvalidFile(
            "the saved session is damaged", "restore a copy of the file from a backup"
        )
    return body


def _key(passphrase: str, header: bytes) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    log2_n, r, p = header[len(MAGIC) : len(MAGIC) + 3]
    if log2_n > MAX_LOG2_N or not log2_n or r != R or p != P:
        raise InvalidFile(
            "the saved session has unsupported encryption settings",
            "restore a copy of the file from a backup",
        )
    derive = Scrypt(salt=header[-16:], length=32, n=1 << log2_n, r=r, p=p)
    return derive.derive(passphrase.encode("utf-8", "surrogatepass"))
