"""Encoder of Q2_K: 16 sub-blocks of 16 weights, each with a 4-bit scale and minimum.

    weight = d * scale * q - dmin * minimum        q in 0..3

    byte  0                      16         80    82
          16 bytes MMMMSSSS:     64 bytes   d     dmin
          minimum and scale      of codes   f16   f16

    Each half of 128 weights has 32 bytes of codes: bits 0-1 are its first 32 weights, bits 2-3 the
    next 32, and so on.

Sixteen blocks of 256 are searched in parallel, then written one by one from the source.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.encoders.settling import (
    INVERSE,
    OFFSET,
    ROW,
    WHOLE_MINIMUM,
    WHOLE_SCALE,
    settle,
    settle_by_codes,
)
from edgemed_native.encoders.weighting import importance_weights, take
from edgemed_native.lanes import LANES, fma, integers, load, splat, store_bytes, transpose
from edgemed_native.search import affine_search, grid, magnitude_weights, whole

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256
PARTS = 16  # sub-blocks in a block
WIDTH = 16  # weights in a sub-block

PLAN = grid([-0.5, 0.5], [-0.35, 0.0, 0.35])
WEIGHTED_PLAN = grid([-0.6, 0.1, 0.9], [-0.35, 0.0, 0.35])
REFINEMENTS = 1
SUPER_PLAN = np.arange(15, 10, -0.5).astype(F32)


@kernel
def encode_q2_k(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 84]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(2 * LANES, F32)
    for first in range(0, blocks, LANES):
        for part in range(PARTS):
            transpose(src, first, blocks - 1, BLOCK, part * WIDTH, x, 0)
            magnitude_weights(x, w, WIDTH)
            affine_search(x, w, WIDTH, 3, PLAN, REFINEMENTS, fits, part * ROW)
        settle(fits, PARTS, 15, SUPER_PLAN, supers)
        _write(src, dst, first, 1, min(LANES, blocks - first), fits, supers)


@kernel
def encode_q2_k_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // BLOCK
    rows = len(dst) // per_row
    x, w = np.empty(BLOCK * LANES, F32), np.empty(BLOCK * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(2 * LANES, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            _search_weighted(src, first, rows - 1, importances, block * BLOCK, x, w, fits)
            settle_by_codes(x, w, WIDTH, 3, fits, PARTS, 15, SUPER_PLAN, supers)
            at, count = first * per_row + block, min(LANES, rows - first)
            _write(src, dst, at, per_row, count, fits, supers)


@inner
def _search_weighted(src, first, last, importances, column, x, w, fits):
    """Fit every sub-block of the blocks at `column` of 16 rows, one row per lane."""
    total = take(src, first, last, len(importances), column, BLOCK, x)
    spread = total * splat(F32(1 / BLOCK))
    for part in range(PARTS):
        part_x, part_w = x[part * WIDTH * LANES :], w[part * WIDTH * LANES :]
        importance_weights(part_x, part_w, WIDTH, importances, column + part * WIDTH, spread)
        affine_search(part_x, part_w, WIDTH, 3, WEIGHTED_PLAN, REFINEMENTS, fits, part * ROW)


@inner
def _write(src, dst, first, step, count, fits, supers):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        put_half(dst[block], 80, supers[lane])
        put_half(dst[block], 82, supers[LANES + lane])
        _write_block(src, block, fits, lane, dst[block])


@inner
def _write_block(src, index, fits, lane, block):
    """The scale bytes and the codes of one block."""
    for part in range(PARTS):
        at = part * ROW + lane
        block[part] = U8(I32(fits[at + WHOLE_SCALE]) | I32(fits[at + WHOLE_MINIMUM]) << 4)
    for half in range(2):
        for column in range(0, 32, LANES):
            codes = splat(I32(0))
            for quarter in range(4):
                at = index * BLOCK + 128 * half + 32 * quarter + column
                part = 8 * half + 2 * quarter + column // LANES
                q = _codes(src, at, fits, part * ROW + lane)
                codes = codes | q << splat(I32(2 * quarter))
            store_bytes(block, 16 + 32 * half + column, codes)


@inner
def _codes(src, at, fits, row):
    """Codes 0..3 of the 16 weights of one sub-block."""
    inverse, offset = splat(fits[row + INVERSE]), splat(fits[row + OFFSET])
    return integers(whole(fma(load(src, at), inverse, offset), 0, 3))
