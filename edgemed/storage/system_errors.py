"""Remedies for the operating system's errors about files that no other room has put in words."""

import errno
from os import fsdecode

from edgemed.errors import EdgemedError
from edgemed.storage.names import ANOTHER, REFUSED

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GONE = (errno.ENOENT, errno.EIO, errno.ENODEV, errno.ENXIO)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)

REMEDIES = {
    **dict.fromkeys(FULL, "free some disk space and try again"),
    **dict.fromkeys(GONE, "check that the file, and the disk or stick it is on, are still there"),
    **dict.fromkeys(FORBIDDEN, "give this user the right to read and write there"),
    **dict.fromkeys(REFUSED, ANOTHER),
    errno.ENOTDIR: "a folder is needed there: move the file away",
    errno.EISDIR: "a file is needed there: move the folder away",
    errno.EEXIST: "move what is there away, or give another name",
}


def worded(error: OSError) -> EdgemedError | None:
    """`error` with a remedy; None if it is not about a file, so that no remedy is known."""
    remedy = REMEDIES.get(error.errno or 0)
    if remedy is None or not (error.filename or error.errno in FULL):
        return None
    said = error.strerror or type(error).__name__
    if not error.filename:
        return EdgemedError(said, remedy)
    name = error.filename if isinstance(error.filename, int) else fsdecode(error.filename)
    return EdgemedError(f"{name}: {said}", remedy)
