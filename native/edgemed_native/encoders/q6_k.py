"""Encoder of Q6_K: 16 sub-blocks of 16 weights, each with an 8-bit scale.

    weight = d * scale * (q - 32)        q in 0..63, scale in -128..127

    byte  0               128            192        208
          128 lower four  64 upper two   16 scales  d
          bits            bits           i8         f16

For the 32 weights l of each quarter A, B, C, D of half a block:
    lower[l] = A | C << 4    lower[32 + l] = B | D << 4    upper[l] = A | B << 2 | C << 4 | D << 6

Sixteen blocks of 256 are searched in parallel, then written one by one from the source. If a scale
is beyond the range of float16 (weights beyond about 2.6e8), d is infinite.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.encoders.weighting import importances_alone
from edgemed_native.lanes import (
    LANES,
    integers,
    load,
    splat,
    store,
    store_bytes,
    transpose,
)
from edgemed_native.search import inverse_of, square_weights, symmetric_search, whole
from edgemed_native.steps import choose_step

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256
PARTS = 16  # sub-blocks in a block
WIDTH = 16  # weights in a sub-block
REACH = 32

PLAN = -np.linspace(28, 32.4, 10, dtype=F32)
WEIGHTED_PLAN = PLAN
SUPER_PLAN = -np.array([128, 127, 126, 125], F32)

# Rows of 16 floats for each sub-block: the fitted scale and its weight; then results of _settle.
SCALE, WEIGHT = EIGHT_BITS, INVERSE = 0, LANES
ROW = 2 * LANES


@kernel
def encode_q6_k(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 210]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(LANES, F32)
    for first in range(0, blocks, LANES):
        for part in range(PARTS):
            transpose(src, first, blocks - 1, BLOCK, part * WIDTH, x, 0)
            square_weights(x, w, WIDTH)
            scale, weight = symmetric_search(x, w, WIDTH, REACH, PLAN)
            store(fits, part * ROW + SCALE, scale)
            store(fits, part * ROW + WEIGHT, weight)
        store(supers, 0, _settle(fits))
        _write(src, dst, first, 1, min(LANES, blocks - first), fits, supers)


@kernel
def encode_q6_k_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // BLOCK
    rows = len(dst) // per_row
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(LANES, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            _search_weighted(src, first, rows - 1, importances, block * BLOCK, x, w, fits)
            store(supers, 0, _settle(fits))
            at, count = first * per_row + block, min(LANES, rows - first)
            _write(src, dst, at, per_row, count, fits, supers)


@inner
def _search_weighted(src, first, last, importances, column, x, w, fits):
    """Fit every sub-block of the blocks at `column` of 16 rows, one row per lane."""
    for part in range(PARTS):
        at = column + part * WIDTH
        transpose(src, first, last, len(importances), at, x, 0)
        importances_alone(w, WIDTH, importances, at)
        scale, weight = symmetric_search(x, w, WIDTH, REACH, WEIGHTED_PLAN)
        store(fits, part * ROW + SCALE, scale)
        store(fits, part * ROW + WEIGHT, weight)


@inner
def _settle(fits):
    """Choose d, round the scales to 8 bits; returns d."""
    d = choose_step(fits, PARTS, ROW, SCALE, WEIGHT, -128, 127, SUPER_PLAN)
    inverse = inverse_of(d)
    for at in range(0, PARTS * ROW, ROW):
        scale = whole(load(fits, at + SCALE) * inverse, -128, 127)
        store(fits, at + EIGHT_BITS, scale)
        store(fits, at + INVERSE, inverse_of(d * scale))
    return d


@inner
def _codes(src, at, fits, part, lane):
    """Codes 0..63 of the 16 weights of one sub-block."""
    inverse = splat(fits[part * ROW + INVERSE + lane])
    return integers(whole(load(src, at) * inverse, -REACH, REACH - 1) + splat(F32(REACH)))


@inner
def _write(src, dst, first, step, count, fits, supers):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _write_block(src, block, fits, lane, dst[block])
        put_half(dst[block], 208, supers[lane])


@inner
def _write_block(src, index, fits, lane, block):
    """The codes and 8-bit scales of one block."""
    for half in range(2):
        for column in range(0, 32, LANES):
            at, part = index * BLOCK + 128 * half + column, 8 * half + column // LANES
            a = _codes(src, at, fits, part, lane)
            b = _codes(src, at + 32, fits, part + 2, lane)
            c = _codes(src, at + 64, fits, part + 4, lane)
            d = _codes(src, at + 96, fits, part + 6, lane)
            low, four, two = splat(I32(15)), splat(I32(4)), splat(I32(2))
            store_bytes(block, 64 * half + column, (a & low) | (c & low) << four)
            store_bytes(block, 64 * half + column + 32, (b & low) | (d & low) << four)
            pair, other = (a >> four) | (b >> four) << two, (c >> four) | (d >> four) << two
            store_bytes(block, 128 + 32 * half + column, pair | other << four)
    for part in range(PARTS):
        block[192 + part] = U8(I32(fits[part * ROW + EIGHT_BITS + lane]) & 255)
