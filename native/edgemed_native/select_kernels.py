"""Exact order statistics of streamed magnitudes, by counting float32 values by their bits.

Without the sign, the bits are in the same order as the numbers. All values are counted by their
upper 16 bits (8 of the exponent, 8 of the fraction), or those in a window are counted by all bits,
or collected.
"""

import numpy as np

from edgemed_native import masks
from edgemed_native._jit import inner, kernel
from edgemed_native.masks import LANES

F32 = np.float32
U32 = np.uint32

BINS = 1 << 16
LOW_BITS = 15


@kernel
def count_bins(values, bins):
    """bins[upper 16 bits of |value|] += 1. values f32[n]; bins i64[BINS]."""
    for at in range(values.size):
        bits = U32(F32(values[at]).view(U32) & U32(0x7FFFFFFF))
        bins[bits >> U32(LOW_BITS)] += 1


@kernel
def count_window(values, start, window):
    """Count values whose bits are start + i in window[i], and return how many are below start.

    values f32[n]; start u32; window i32[any] or i64[any].
    """
    below, size = 0, U32(window.size)
    whole = values.size // LANES * LANES
    for at in range(0, whole, LANES):
        found = masks.window(values, at, start, size)
        below += found >> U32(LANES)
        inside = U32(found & U32(0xFFFF))
        while inside:
            window[bits_of(values[at + masks.lowest(inside)]) - start] += 1
            inside = U32(inside & (inside - U32(1)))
    for at in range(whole, values.size):
        bits = bits_of(values[at])
        below += bits < start
        if U32(bits - start) < size:
            window[bits - start] += 1
    return below


@kernel
def collect_window(values, start, size, found, count):
    """Append to `found`, which holds `count` entries, the bits of values in the window of `size`
    from `start`. Returns how many values are below start, and the new count, which is above
    found.size if some had no room. values f32[n]; start, size u32; found u32[any]."""
    below = 0
    whole = values.size // LANES * LANES
    for at in range(0, whole, LANES):
        hits = masks.window(values, at, start, size)
        below += hits >> U32(LANES)
        inside = U32(hits & U32(0xFFFF))
        while inside:
            if count < found.size:
                found[count] = bits_of(values[at + masks.lowest(inside)])
            count += 1
            inside = U32(inside & (inside - U32(1)))
    for at in range(whole, values.size):
        bits = bits_of(values[at])
        below += bits < start
        if U32(bits - start) < size:
            if count < found.size:
                found[count] = bits
            count += 1
    return below, count


@kernel
def find_equal(values, bits, number):
    """The index of value number `number` (from 0) with these bits, or -1, and how many there are up
    to and including it. values f32[n] (signs are ignored); bits u32; number i64."""
    seen = 0
    for at in range(values.size):
        if bits_of(values[at]) == bits:
            if seen == number:
                return at, seen + 1
            seen += 1
    return -1, seen


@inner
def bits_of(value):
    """The bits of |value|."""
    return U32(F32(value).view(U32) & U32(0x7FFFFFFF))
