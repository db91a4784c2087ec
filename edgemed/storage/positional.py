"""Reading and writing at a file position, reserving, locking and renaming: for POSIX and Windows.

The only place where a merge treats the two systems differently. Reads and writes take a file
descriptor and an absolute byte offset, and may be called from many threads at once.
"""

import errno
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # importing numpy takes 80 MB of address space; small files do not need it
    from numpy.typing import NDArray

Buffer: TypeAlias = "bytes | NDArray[Any]"

if sys.platform == "win32":
    import msvcrt

    O_BINARY = os.O_BINARY
    O_NOFOLLOW = 0  # on Windows, only an administrator can put a link into the user's folder
    O_NONBLOCK = 0
    RENAMES_OPEN = False  # Windows renames and removes no open file
    _seek_and_go = threading.Lock()

    def _read(fd: int, view: memoryview, offset: int) -> int:
        with _seek_and_go:
            os.lseek(fd, offset, os.SEEK_SET)
            piece = os.read(fd, len(view))
        view[: len(piece)] = piece
        return len(piece)

    def _write(fd: int, view: memoryview, offset: int) -> int:
        with _seek_and_go:
            os.lseek(fd, offset, os.SEEK_SET)
            return os.write(fd, view)

    def reserve(fd: int, size: int) -> None:
        """Make the file `size` bytes long, so that a full disk is noticed before the work."""
        os.truncate(fd, size)

    def lock(fd: int) -> bool:
        """Take the file for this process; False if another process has it."""
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def make_private(fd: int) -> None:
        """Nothing to do: on Windows, other users cannot read the user's own folders."""

    def is_own(found: os.stat_result) -> bool:
        """Whether a file belongs to this user. Always true: this is not checked on Windows."""
        return True

    def sync_folder(folder: Path) -> None:
        """Nothing to do: Windows makes renames durable by itself."""

    def name_new(part: Path, path: Path) -> None:
        """Give `part` the name `path`; FileExistsError if something has that name."""
        part.rename(path)  # Windows never replaces here

else:
    import ctypes
    import fcntl

    O_BINARY = 0
    O_NOFOLLOW = os.O_NOFOLLOW
    O_NONBLOCK = os.O_NONBLOCK
    RENAMES_OPEN = True
    AT_FDCWD = -100
    RENAME_NOREPLACE = 1
    NO_SECOND_NAMES = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

    def _read(fd: int, view: memoryview, offset: int) -> int:
        return os.preadv(fd, [view], offset)

    def _write(fd: int, view: memoryview, offset: int) -> int:
        return os.pwrite(fd, view, offset)

    def reserve(fd: int, size: int) -> None:
        """Reserve `size` bytes of disk for the file, so that a full disk is noticed early."""
        if sys.platform == "linux":
            os.posix_fallocate(fd, 0, size)
        os.ftruncate(fd, size)

    def lock(fd: int) -> bool:
        """Take the file for this process; False if another process has it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def make_private(fd: int) -> None:
        """Make an open file unreadable for other users; on a medium without file modes, do
        nothing."""
        if os.fstat(fd).st_mode & 0o077:
            with suppress(PermissionError):
                os.fchmod(fd, 0o600)

    def is_own(found: os.stat_result) -> bool:
        """Whether a file belongs to this user."""
        return found.st_uid == os.geteuid()

    def sync_folder(folder: Path) -> None:
        """Make a rename in `folder` durable."""
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def name_new(part: Path, path: Path) -> None:
        """Give `part` the name `path`; FileExistsError if something has that name.

        In one step if the system can; else through a hard link; and where the disk has no hard
        links (many USB sticks), by checking first.
        """
        if not _renamed_new(part, path):
            try:
                os.link(part, path, follow_symlinks=False)
            except OSError as error:
                if error.errno not in NO_SECOND_NAMES:
                    raise
                if os.path.lexists(path):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
                part.rename(path)
                return
            part.unlink()

    def _renamed_new(part: Path, path: Path) -> bool:
        """Rename in one step that never replaces; False if the system or disk cannot do that."""
        rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if sys.platform != "linux" or rename is None:
            return False
        ctypes.set_errno(0)
        names = os.fsencode(part), os.fsencode(path)
        if rename(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_NOREPLACE) == 0:
            return True
        number = ctypes.get_errno()
        if number in (errno.EINVAL, errno.ENOSYS):
            return False
        raise OSError(number, os.strerror(number), str(path))


def read_into(fd: int, buffer: "NDArray[Any]", offset: int) -> None:
    """Fill all of `buffer` from byte `offset`; EOFError if the file ends before that."""
    view = buffer.data.cast("B")
    while len(view):
        got = _read(fd, view, offset)
        if got == 0:
            raise EOFError(f"the file ends before byte {offset + len(view)}")
        view, offset = view[got:], offset + got


def write_at(fd: int, buffer: "Buffer", offset: int) -> None:
    """Write all of `buffer` at byte `offset`."""
    view = (memoryview(buffer) if isinstance(buffer, bytes) else buffer.data).cast("B")
    while len(view):
        put = _write(fd, view, offset)
        view, offset = view[put:], offset + put
