"""Modes of files that hold for these tests too where they run as root."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERSION_3 = 0x20080522  # of Linux's capget and capset
OVERRIDES = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: to pass over modes


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Nobody may read `path`, and this thread may not pass over that."""
    before = path.stat().st_mode
    path.chmod(0)
    try:
        with bound_by_modes():
            yield
    finally:
        path.chmod(before)


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """Modes count for this thread, root or not."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    header, rights = (ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)()
    calls = ctypes.CDLL(None, use_errno=True)
    assert calls.capget(header, rights) == 0
    before = rights[0]
    rights[0] = before & ~OVERRIDES
    assert calls.capset(header, rights) == 0
    try:
        yield
    finally:
        rights[0] = before
        assert calls.capset(header, rights) == 0
