"""Returns large freed arrays to the system at once: for glibc, on Linux.

torch asks for aligned memory, and older glibc seldom reuses a freed aligned block: a training run
grew to twice the memory in use. Blocks that are mapped singly (mmap) are returned at once.
"""

import ctypes
import os
import sys

LARGE = 1 << 20  # bytes
HELD_BACK = 64 << 20  # free bytes that may stay at the heap's end


def give_back_at_once() -> bool:
    """Set it for this process, before torch is imported; False if the system cannot do it.

    Pages of 2 MB, where the system has them, make up for the time that fresh memory takes.
    """
    if sys.platform != "linux":
        return False
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch's own switch
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library, such as musl
        return False
    mmap_threshold, trim_threshold = -3, -1
    return bool(mallopt(mmap_threshold, LARGE) and mallopt(trim_threshold, HELD_BACK))
