"""Sixteen numbers side by side: the vector registers that encoders are written in.

A lane is one block (or one weight) of many that are treated alike; no sum is ever split over lanes,
so results do not depend on the width of the CPU's registers. `fma` is asked for by name and rounds
once everywhere; nothing here may be reordered or contracted by the compiler. With
NUMBA_DISABLE_JIT=1 the same names are numpy functions on arrays of 16 and give the same bits.

Arrays are C-contiguous and indexed flat, whatever their shape; no index is checked here.
Knows nothing of formats.
"""

from numba import config

LANES = 16

if config.DISABLE_JIT:
    from edgemed_native.lanes_numpy import (
        absolute,
        bits,
        floats,
        fma,
        four_rows,
        integers,
        larger,
        load,
        load_bytes,
        load_signed_bytes,
        nearest,
        numbers,
        ramp,
        smaller,
        splat,
        sqrt,
        store,
        store_bytes,
        transpose,
        two_rows,
        where_less,
    )
else:
    from edgemed_native.lanes_llvm import (
        absolute,
        bits,
        floats,
        fma,
        four_rows,
        integers,
        larger,
        load,
        load_bytes,
        load_signed_bytes,
        nearest,
        numbers,
        ramp,
        smaller,
        splat,
        sqrt,
        store,
        store_bytes,
        transpose,
        two_rows,
        where_less,
    )

__all__ = [
    "LANES",
    "absolute",
    "bits",
    "floats",
    "fma",
    "four_rows",
    "integers",
    "larger",
    "load",
    "load_bytes",
    "load_signed_bytes",
    "nearest",
    "numbers",
    "ramp",
    "smaller",
    "splat",
    "sqrt",
    "store",
    "store_bytes",
    "transpose",
    "two_rows",
    "where_less",
]
