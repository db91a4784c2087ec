"""Lock files, each held by one process at a time: `.part`, `.journal`, `.lock`.

The lock is on the file, but the name can move. So a process that got the lock checks that the name
still leads to its file: otherwise a process that waited for a merge to end would hold the finished
output. The process that holds a file renames or removes it before it releases the lock.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from edgemed.errors import EdgemedError, Refused
from edgemed.storage import positional
from edgemed.storage.names import refuse_odd_name

FLAGS = os.O_RDWR | os.O_CREAT | positional.O_BINARY | positional.O_NOFOLLOW | positional.O_NONBLOCK
TRIES = 100


class Busy(Refused):
    """Another process has the file."""


def hold(path: Path, keep: bool = False, flags: int = FLAGS) -> int:
    """Open and lock `path` for this process, empty unless `keep`, readable only by its user.

    Returns the file descriptor; closing it releases the file. Busy if another process has it;
    Refused if `path` is something else: a link, a folder, a pipe, a file with a second name or of
    another user. EdgemedError if it cannot be created.
    """
    refuse_odd_name(path)
    for _ in range(TRIES):
        fd = _opened(path, flags)
        try:
            if _is_ours(path, fd):
                positional.make_private(fd)
                if not keep and os.fstat(fd).st_size:
                    os.ftruncate(fd, 0)
                return fd
        except OSError as error:
            os.close(fd)
            raise _cannot(path, error) from error
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was renamed or removed between opening and locking
    raise _busy(path)


def give_up(path: Path, fd: int) -> None:
    """Remove a held file and close it, in the order that the system allows.

    If the name now leads to another file, that file belongs to another process and stays.
    """
    if positional.RENAMES_OPEN:
        if _leads_to(path, os.fstat(fd)):
            path.unlink(missing_ok=True)
        os.close(fd)
    else:
        os.close(fd)
        path.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove what an earlier process left at `path`; Refused while a process still holds it."""
    if os.path.lexists(path):
        with suppress(FileNotFoundError):  # another process has removed it
            give_up(path, hold(path, keep=True, flags=FLAGS & ~os.O_CREAT))


def _opened(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError as error:
        if flags & os.O_CREAT:
            raise _cannot(path, error) from error
        raise
    except OSError as error:
        if path.is_symlink():
            raise _strange(path, "a link") from error
        if error.errno in (errno.EISDIR, errno.ENXIO) or path.is_dir():
            raise _strange(path, "not a regular file") from error
        raise _cannot(path, error) from error


def _is_ours(path: Path, fd: int) -> bool:
    """Lock, then check: false if the name now leads to another file."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise _strange(path, "not a regular file")
    if not positional.lock(fd):
        raise _busy(path)
    if not _leads_to(path, found):
        return False
    if os.fstat(fd).st_nlink > 1:
        raise _strange(path, "a file that has another name too")
    if not positional.is_own(found):
        raise _strange(path, "another user's file")
    return True


def _leads_to(path: Path, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.lstat(path), found)
    except FileNotFoundError:
        return False


def _busy(path: Path) -> Busy:
    return Busy(
        f"{path} is being written by another process", "wait for it, or choose another output"
    )


def _strange(path: Path, what: str) -> Refused:
    return Refused(
        f"{path} is {what}: refusing to write to it", "remove it, or choose another output"
    )


def _cannot(path: Path, error: OSError) -> EdgemedError:
    return EdgemedError(
        f"cannot write {path}: {error.strerror}",
        "choose an output folder that you may write to and that has room",
    )
