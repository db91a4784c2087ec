"""Encoder of Q3_K: 16 sub-blocks of 16 weights, each with a 6-bit scale.

    weight = d * (scale - 32) * (q - 4)        q in 0..7

    byte  0             32             96          108
          32 bytes of   64 bytes of    12 bytes    d
          third bits    lower bits     of scales   f16

    Each half of 128 weights has 32 bytes of lower bits: bits 0-1 are its first 32 weights, bits 2-3
    the next 32, and so on. Bit k of third byte i belongs to weight 32 k + i.
    Scales: byte s of 8 holds the low nibbles of scales s and s + 8, byte 8 + s of 4 the upper two
    bits of scales s, s + 4, s + 8 and s + 12.

Sixteen blocks of 256 are searched in parallel, then written one by one from the source.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.encoders.weighting import importance_weights, take
from edgemed_native.lanes import (
    LANES,
    fma,
    integers,
    load,
    smaller,
    splat,
    store,
    store_bytes,
    transpose,
    where_less,
)
from edgemed_native.search import (
    clipping_search,
    inverse_of,
    square_weights,
    symmetric_search,
    whole,
)
from edgemed_native.steps import choose_step, fit_step

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256
PARTS = 16  # sub-blocks in a block
WIDTH = 16  # weights in a sub-block
REACH = 4

PLAN = np.array([-4.25, -3.75, -3.25, -2.8, 3.2], F32)
BEYOND = np.array([-4.8, -5.6, -7, 3.2, 3.5, 4], F32)
WEIGHTED_PLAN = np.concatenate((-np.arange(4.45, 2.7, -0.15).astype(F32), BEYOND))
WEIGHTED_SUPER_PLAN = -np.array([32.5, 32, 31.5, 31, 30.5, 30, 29.5, 29], F32)
REFINEMENTS = 2
SUPER_PLAN = -np.array([32, 31, 30, 29], F32)

# Rows of 16 floats for each sub-block: the fitted scale and its weight; then results of _settle.
SCALE, WEIGHT = SIX_BITS, INVERSE = 0, LANES
ROW = 2 * LANES


@kernel
def encode_q3_k(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 110]."""
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
        d = choose_step(fits, PARTS, ROW, SCALE, WEIGHT, -32, 31, SUPER_PLAN)
        store(supers, 0, d)
        _settle(fits, d)
        _write(src, dst, first, 1, min(LANES, blocks - first), fits, supers)


@kernel
def encode_q3_k_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // BLOCK
    rows = len(dst) // per_row
    x, w = np.empty(BLOCK * LANES, F32), np.empty(BLOCK * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(LANES, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            _search_weighted(src, first, rows - 1, importances, block * BLOCK, x, w, fits)
            d = fit_step(fits, PARTS, ROW, SCALE, WEIGHT, -32, 31, WEIGHTED_SUPER_PLAN)
            store(supers, 0, d)
            for part in range(PARTS):
                at = part * WIDTH * LANES
                _settle_part(x[at:], w[at:], fits, part * ROW, d)
            at, count = first * per_row + block, min(LANES, rows - first)
            _write(src, dst, at, per_row, count, fits, supers)


@inner
def _search_weighted(src, first, last, importances, column, x, w, fits):
    """Fit every sub-block of the blocks at `column` of 16 rows, one row per lane."""
    total = take(src, first, last, len(importances), column, BLOCK, x)
    spread = total * splat(F32(2 / BLOCK))
    for part in range(PARTS):
        part_x, part_w = x[part * WIDTH * LANES :], w[part * WIDTH * LANES :]
        importance_weights(part_x, part_w, WIDTH, importances, column + part * WIDTH, spread)
        scale, weight = clipping_search(part_x, part_w, WIDTH, REACH, WEIGHTED_PLAN, REFINEMENTS)
        store(fits, part * ROW + SCALE, scale)
        store(fits, part * ROW + WEIGHT, weight)


@inner
def _settle(fits, d):
    """Round the scales to six bits."""
    inverse = inverse_of(d)
    for at in range(0, PARTS * ROW, ROW):
        scale = whole(load(fits, at + SCALE) * inverse, -32, 31)
        store(fits, at + SIX_BITS, scale)
        store(fits, at + INVERSE, inverse_of(d * scale))


@inner
def _settle_part(x, w, fits, at, d):
    """Of the six-bit scales next to the fitted one, the one whose codes have the least error."""
    center = whole(load(fits, at + SCALE) * inverse_of(d), -32, 31)
    six, least = center, splat(F32(np.inf))
    for k in range(3):
        other = whole(center + splat(F32(k - 1)), -32, 31)
        scale, error = d * other, splat(F32(0))
        inverse = inverse_of(scale)
        for i in range(WIDTH):
            v = load(x, LANES * i)
            off = v - scale * whole(v * inverse, -REACH, REACH - 1)
            error = fma(off * off, load(w, LANES * i), error)
        six, least = where_less(error, least, other, six), smaller(error, least)
    store(fits, at + SIX_BITS, six)
    store(fits, at + INVERSE, inverse_of(d * six))


@inner
def _write(src, dst, first, step, count, fits, supers):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _write_codes(src, block, fits, lane, dst[block])
        _write_scales(fits, lane, dst[block])
        put_half(dst[block], 108, supers[lane])


@inner
def _write_codes(src, index, fits, lane, block):
    """Third bits and lower bits, sixteen bytes at a time."""
    for column in range(0, 32, LANES):
        thirds = splat(I32(0))
        for half in range(2):
            lower = splat(I32(0))
            for quarter in range(4):
                at = index * BLOCK + 128 * half + 32 * quarter + column
                part = 8 * half + 2 * quarter + column // LANES
                q = _codes(src, at, fits, part * ROW + lane)
                lower = lower | (q & splat(I32(3))) << splat(I32(2 * quarter))
                thirds = thirds | (q >> splat(I32(2))) << splat(I32(4 * half + quarter))
            store_bytes(block, 32 + 32 * half + column, lower)
        store_bytes(block, column, thirds)


@inner
def _codes(src, at, fits, row):
    """Codes 0..7 of the 16 weights of one sub-block."""
    inverse = splat(fits[row + INVERSE])
    return integers(whole(load(src, at) * inverse, -REACH, REACH - 1) + splat(F32(REACH)))


@inner
def _write_scales(fits, lane, block):
    for s in range(8):
        near = I32(fits[s * ROW + SIX_BITS + lane]) + I32(32)
        far = I32(fits[(s + 8) * ROW + SIX_BITS + lane]) + I32(32)
        block[96 + s] = U8((near & 15) | (far & 15) << 4)
    for s in range(4):
        upper = I32(0)
        for k in range(4):
            scale = I32(fits[(s + 4 * k) * ROW + SIX_BITS + lane]) + I32(32)
            upper |= (scale >> 4) << (2 * k)
        block[104 + s] = U8(upper)
