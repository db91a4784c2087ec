"""XXH64 of bytes: a checksum at memory speed, to notice bytes that never reached the disk.

Collet: xxHash fast digest algorithm, version 0.1.1 (a public specification). It finds accidental
changes, not attacks.

    32 bytes at a time      word 0   word 1   word 2   word 3      one running sum each
    what is left            words of 8 bytes, one of 4, then single bytes
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgemed_native._jit import inner, kernel

U64 = np.uint64
U8 = NDArray[np.uint8]

P1 = U64(0x9E3779B185EBCA87)
P2 = U64(0xC2B2AE3D27D4EB4F)
P3 = U64(0x165667B19E3779F9)
P4 = U64(0x85EBCA77C2B2AE63)
P5 = U64(0x27D4EB2F165667C5)


def xxh64(data: U8) -> int:
    """XXH64 with seed 0 of u8[n], C-contiguous; ValueError if it is anything else."""
    if data.dtype != np.uint8 or data.ndim != 1 or not data.flags.c_contiguous:
        raise ValueError(f"a checksum needs u8[n], not {data.dtype}{list(data.shape)}")
    whole = data.size // 8 * 8
    words = data[:whole].view(np.dtype("<u8"))
    if not words.flags.aligned or sys.byteorder != "little":
        words = words.astype(U64)
    return int(xxh64_words(_read_only(words), _read_only(data[whole:])))


@inner
def rotated(x, by):
    return (x << U64(by)) | (x >> U64(64 - by))


@inner
def stirred(total, word):
    return rotated(total + word * P2, 31) * P1


@inner
def joined(total, lane):
    return (total ^ stirred(U64(0), lane)) * P1 + P4


@inner
def of_whole_stripes(words, stripes):
    """The four running sums over 32 bytes at a time, combined."""
    a, b, c, d = P1 + P2, P2, U64(0), U64(0) - P1
    for i in range(stripes):
        a = stirred(a, words[4 * i])
        b = stirred(b, words[4 * i + 1])
        c = stirred(c, words[4 * i + 2])
        d = stirred(d, words[4 * i + 3])
    total = rotated(a, 1) + rotated(b, 7) + rotated(c, 12) + rotated(d, 18)
    return joined(joined(joined(joined(total, a), b), c), d)


@inner
def with_tail(total, tail):
    """Mix in the last 0 to 7 bytes: one word of four if there is one, then single bytes."""
    first = 0
    if tail.size >= 4:
        word = U64(0)
        for i in range(4):
            word |= U64(tail[i]) << U64(8 * i)
        total = rotated(total ^ (word * P1), 23) * P2 + P3
        first = 4
    for i in range(first, tail.size):
        total = rotated(total ^ (U64(tail[i]) * P5), 11) * P1
    return total


@kernel
def xxh64_words(words, tail):
    """XXH64 of words u64[n] (little endian) and then tail u8[0 to 7]."""
    stripes = words.size // 4
    total = of_whole_stripes(words, stripes) if stripes else P5
    total += U64(words.size * 8 + tail.size)
    for i in range(stripes * 4, words.size):
        total = rotated(total ^ stirred(U64(0), words[i]), 27) * P1 + P4
    total = with_tail(total, tail)
    total = (total ^ (total >> U64(33))) * P2
    total = (total ^ (total >> U64(29))) * P3
    return total ^ (total >> U64(32))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """One signature for the kernel, whether or not the caller's array is writable."""
    array = array.view()
    array.flags.writeable = False
    return array
