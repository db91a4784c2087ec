"""Buffers that touch a protected page, so that one byte read or written outside kills the process.

    after = guarded(1000, end=True)     the byte after the last one is protected
    before = guarded(1000, end=False)   the byte before the first one is protected

POSIX only. A kernel that leaves its buffer ends the test run with SIGSEGV: nothing to assert.
"""

import ctypes
import mmap
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

needs_guards = pytest.mark.skipif(sys.platform == "win32", reason="mprotect is POSIX only")

_maps: list[mmap.mmap] = []  # never unmapped: arrays may outlive the test that made them


def guarded(nbytes: int, *, end: bool) -> NDArray[np.uint8]:
    """u8[nbytes], zeroed, that ends (or else starts) exactly at a protected page."""
    page = mmap.PAGESIZE
    inside = -(-nbytes // page) * page
    memory = mmap.mmap(-1, inside + 2 * page)
    _maps.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for wall in (start, start + page + inside):
        _protect(wall, page)
    first = page + (inside - nbytes if end else 0)
    return np.frombuffer(memory, np.uint8, nbytes, first)


def guarded_copy(array: NDArray[Any], *, end: bool) -> NDArray[Any]:
    """The same values, shape and dtype in a guarded buffer."""
    copy = guarded(array.nbytes, end=end).view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _protect(address: int, nbytes: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    prot_none = 0
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(nbytes), prot_none):
        raise OSError(ctypes.get_errno(), "mprotect")
