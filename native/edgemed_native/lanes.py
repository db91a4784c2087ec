"""Vectors of sixteen numbers, with which the encoders are written.

A lane is one of sixteen blocks (or weights) that are processed alike; no sum is ever split over
lanes, so results do not depend on the width of the CPU's registers. `fma` is always explicit and
rounds once everywhere; the compiler may not reorder or contract anything here. With
NUMBA_DISABLE_JIT=1 the same names are numpy functions on arrays of 16 and give the same bits.

Arrays are C-contiguous and indexed flat, whatever their shape; no index is checked. lanes_numpy
documents each function. Knows nothing of formats.
"""

from numba import config

if config.DISABLE_JIT:
    from edgemed_native import lanes_numpy as chosen
else:
    from edgemed_native import lanes_llvm as chosen

LANES = chosen.LANES
absolute = chosen.absolute
bits = chosen.bits
floats = chosen.floats
fma = chosen.fma
four_rows = chosen.four_rows
integers = chosen.integers
larger = chosen.larger
load = chosen.load
load_bytes = chosen.load_bytes
load_signed_bytes = chosen.load_signed_bytes
nearest = chosen.nearest
numbers = chosen.numbers
ramp = chosen.ramp
smaller = chosen.smaller
splat = chosen.splat
sqrt = chosen.sqrt
store = chosen.store
store_bytes = chosen.store_bytes
transpose = chosen.transpose
two_rows = chosen.two_rows
where_less = chosen.where_less
