"""The functions of `lanes` in numpy, on arrays of 16, for runs without the compiler.

They define what each operation means, and give the same bits as the compiled ones (except NaN
payloads). Slow: for tests and for stepping through an encoder in a debugger.
"""

import numpy as np

LANES = 16
F32 = np.float32
F64 = np.float64
MAGIC = F32(12582912.0)


def load(array, at):
    """The 16 float32 from flat index `at`."""
    return array.reshape(-1)[at : at + LANES].copy()


def store(array, at, value):
    """Write 16 float32 to flat index `at`."""
    array.reshape(-1)[at : at + LANES] = value


def store_bytes(array, at, value):
    """Write the low bytes of 16 integers to flat index `at` of a u8 array."""
    array.reshape(-1)[at : at + LANES] = (value & 255).astype(np.uint8)


def load_bytes(array, at):
    """16 unsigned bytes from flat index `at` -> integer lanes."""
    return array.reshape(-1)[at : at + LANES].astype(np.int32)


def load_signed_bytes(array, at):
    """16 signed bytes from flat index `at` of a u8 array -> integer lanes."""
    return load_bytes(array.view(np.int8), at)


def two_rows(table, a, b):
    """Rows a and b of i8[rows, 8] -> integer lanes."""
    return table[[a, b]].reshape(-1).astype(np.int32)


def four_rows(table, a, b, c, d):
    """Rows a, b, c and d of i8[rows, 4] -> integer lanes."""
    return table[[a, b, c, d]].reshape(-1).astype(np.int32)


def numbers(a):
    """Integer lanes -> the same numbers in float lanes."""
    return a.astype(F32)


def ramp():
    """Integer lanes 0, 1, 2 .. 15."""
    return np.arange(LANES, dtype=np.int32)


def splat(scalar):
    """One number in every lane: float32 gives float lanes, int32 integer lanes."""
    return np.full(LANES, scalar)


def fma(a, b, c):
    """a * b + c, rounded once.

    The product of two float32 is exact in float64. The sum is rounded to odd there, in the
    direction given by its exact error e; with at least two spare bits, the second rounding, to
    float32, is then correct (Boldo and Melquiond, 2008).
    """
    with np.errstate(all="ignore"):
        product, c = a.astype(F64) * b.astype(F64), c.astype(F64)
        s = product + c
        back = s - product
        e = (product - (s - back)) + (c - back)
        even = (s.view(np.int64) & 1) == 0
        inexact = np.isfinite(s) & (e != 0) & even
        odd = np.where(inexact, np.nextafter(s, np.where(e > 0, np.inf, -np.inf)), s)
        return odd.astype(F32)


def sqrt(a):
    """Square root, correctly rounded."""
    with np.errstate(invalid="ignore"):
        return np.sqrt(a)


def absolute(a):
    """The sign bit cleared."""
    return np.abs(a)


def nearest(a):
    """The nearest whole number, half to even, as float32. For |a| < 2**22 only."""
    with np.errstate(all="ignore"):
        return (a + MAGIC) - MAGIC


def integers(a):
    """Float lanes that hold whole numbers below 2**31 -> integer lanes; undefined for NaN."""
    with np.errstate(invalid="ignore"):
        return a.astype(np.int32)


def bits(a):
    """The bits of float lanes as integer lanes."""
    return a.view(np.int32)


def floats(a):
    """Integer lanes taken as the bits of float lanes."""
    return a.view(F32)


def larger(a, b):
    """a where a > b, else b: so b where either is NaN."""
    return np.where(a > b, a, b)


def smaller(a, b):
    """a where a < b, else b: so b where either is NaN."""
    return np.where(a < b, a, b)


def where_less(a, b, yes, no):
    """yes where a < b, else no: so no where either is NaN."""
    return np.where(a < b, yes, no)


def transpose(src, first, last, stride, column, dst, at):
    """dst[at + 16 i + l] = src[min(first + l, last) * stride + column + i], for 16 i and 16 l.

    Lane l is block first + l; lanes beyond the last block repeat it, so nothing past the end of
    `src` is read and every lane holds a real block.
    """
    flat = src.reshape(-1)
    starts = [min(first + lane, last) * stride + column for lane in range(LANES)]
    tile = np.stack([flat[start : start + LANES] for start in starts], axis=1)
    dst.reshape(-1)[at : at + LANES * LANES] = tile.reshape(-1)
