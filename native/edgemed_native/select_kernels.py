"""Exact order statistics of streamed magnitudes: counting float32 values by their bits.

For numbers without sign the order of the bits is the order of the numbers. Either all values are
counted by the upper 16 bits (8 of the exponent, 8 of the fraction), or those in a window by all.
"""

import numpy as np

from edgemed_native._jit import kernel

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
    below = 0
    for at in range(values.size):
        bits = U32(F32(values[at]).view(U32) & U32(0x7FFFFFFF))
        below += bits < start
        place = U32(bits - start)
        if place < U32(window.size):
            window[place] += 1
    return below
