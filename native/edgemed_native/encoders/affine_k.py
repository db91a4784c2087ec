"""Encoders of Q4_K and Q5_K: 8 sub-blocks of 32 weights, each with a 6-bit scale and minimum.

    weight = d * scale * q - dmin * minimum        q in 0..15 (Q4_K) or 0..31 (Q5_K)

    byte  0     2     4              16            (Q5_K: 16..47 fifth bits, then)
          d     dmin  12 scale bytes 128 bytes of low nibbles: 32 bytes for each pair of sub-blocks,
          f16   f16                  low nibble = even sub-block, high nibble = odd one

Sixteen blocks of 256 are searched side by side, sub-block after sub-block; then their 6-bit scales
are settled, and the codes are written block by block straight from the source. A scale beyond the
range of halves (weights beyond about 6e7) leaves an infinite d or dmin in the block.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import f32_from_half, half_from_f32, put_half
from edgemed_native.lanes import (
    LANES,
    fma,
    integers,
    larger,
    load,
    nearest,
    smaller,
    splat,
    store,
    store_bytes,
    transpose,
    where_less,
)
from edgemed_native.search import (
    FIT,
    LOW,
    QQ,
    SCALE,
    SHIFT,
    YQ,
    Q,
    W,
    Y,
    affine_search,
    grid,
    magnitude_weights,
)

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256
PARTS = 8  # sub-blocks in a block
WIDTH = 32  # weights in a sub-block
ROW = FIT * LANES  # floats of one sub-block's fits

Q4_PLAN = grid([-0.6, 0.0, 0.6], [-0.3, 0.0, 0.3])
Q5_PLAN = grid([-0.6, 0.0, 0.6], [-0.3, 0.0, 0.3])


@kernel
def encode_q4_k(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 144]."""
    fits, x, w = (np.empty(size, F32) for size in (PARTS * ROW, WIDTH * LANES, WIDTH * LANES))
    blocks = len(dst)
    for first in range(0, blocks, LANES):
        for part in range(PARTS):
            _gather(src, first, blocks - 1, part, x)
            magnitude_weights(x, w, WIDTH)
            affine_search(x, w, WIDTH, 15, Q4_PLAN, fits, part * ROW)
        _settle(fits)
        for lane in range(min(LANES, blocks - first)):
            _write_scales(fits, lane, dst[first + lane])
            _write_nibbles(src, (first + lane) * BLOCK, fits, lane, dst[first + lane])


@inner
def _gather(src, first, last, part, x):
    """Sub-block `part` of 16 blocks, one per lane (beyond the last block: the last again)."""
    for at in range(0, WIDTH, LANES):
        transpose(src, first, last, BLOCK, part * WIDTH + at, x, at * LANES)


@inner
def _as_half(x, values, at):
    """Round 16 lanes to halves, kept as float32."""
    store(values, at, x)
    for lane in range(LANES):
        values[at + lane] = f32_from_half(half_from_f32(values[at + lane]))
    return load(values, at)


@inner
def _scale_of(x):
    """1/x, or 0 where x is 0: codes then become 0."""
    return where_less(splat(F32(0)), x, splat(F32(1)) / x, splat(F32(0)))


# After settling, a row of fits holds these instead.
STEP, FLOOR, SIX_SCALE, SIX_MIN, INVERSE, OFFSET, D, DMIN = range(8)


@inner
def _settle(fits):
    """Choose d and dmin, then each sub-block's 6-bit scale and minimum, by the fits' own errors."""
    zero, levels = splat(F32(0)), splat(F32(63))
    top = zero
    for at in range(0, PARTS * ROW, ROW):
        top = larger(load(fits, at + SCALE * LANES), top)
    d = _as_half(top / levels, fits, SCALE * LANES) if False else _half(top / levels)
    return d


@inner
def _half(x):
    return x
