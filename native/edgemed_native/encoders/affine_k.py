"""Encoders of Q4_K and Q5_K: 8 sub-blocks of 32 weights, each with a 6-bit scale and minimum.

    weight = d * scale * q - dmin * minimum        q in 0..15 (Q4_K) or 0..31 (Q5_K)

    byte  0     2     4              16            (Q5_K: 16..47 fifth bits, then)
          d     dmin  12 scale bytes 128 bytes of low nibbles: 32 bytes for each pair of sub-blocks,
          f16   f16                  low nibble = even sub-block, high nibble = odd one

Sixteen blocks of 256 are searched in parallel, one sub-block after the other; then their 6-bit
scales are chosen, and the codes are written block by block from the source. If a scale is beyond
the range of float16 (weights beyond about 6e7), d or dmin is infinite.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.encoders.settling import INVERSE, OFFSET, ROW, settle
from edgemed_native.encoders.weighting import importance_weights, take
from edgemed_native.lanes import LANES, fma, integers, load, splat, store_bytes, transpose
from edgemed_native.search import affine_search, grid, magnitude_weights, whole

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256
PARTS = 8  # sub-blocks in a block
WIDTH = 32  # weights in a sub-block

SUPER_PLAN = np.arange(63, 55, -1).astype(F32)
REFINEMENTS = 1
Q4_PLAN = grid([-0.9, -0.4, 0.1, 0.6], [-0.3, 0.0, 0.3])
Q5_PLAN = grid([-1.2, -0.3, 0.6], [-0.3, 0.0, 0.3])
Q4_WEIGHTED_PLAN, Q5_WEIGHTED_PLAN = Q4_PLAN, Q5_PLAN


@kernel
def encode_q4_k(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 144]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(2 * LANES, F32)
    for first in range(0, blocks, LANES):
        _search_parts(src, first, blocks - 1, 15, Q4_PLAN, x, w, fits)
        settle(fits, PARTS, 63, SUPER_PLAN, supers)
        _write_q4(src, dst, first, 1, min(LANES, blocks - first), fits, supers)


@kernel
def encode_q5_k(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 176]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(2 * LANES, F32)
    for first in range(0, blocks, LANES):
        _search_parts(src, first, blocks - 1, 31, Q5_PLAN, x, w, fits)
        settle(fits, PARTS, 63, SUPER_PLAN, supers)
        _write_q5(src, dst, first, 1, min(LANES, blocks - first), fits, supers)


@kernel
def encode_q4_k_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // BLOCK
    rows = len(dst) // per_row
    x, w = np.empty(BLOCK * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(2 * LANES, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            column = block * BLOCK
            _search_weighted(
                src, first, rows - 1, importances, column, 15, Q4_WEIGHTED_PLAN, x, w, fits
            )
            settle(fits, PARTS, 63, SUPER_PLAN, supers)
            at, count = first * per_row + block, min(LANES, rows - first)
            _write_q4(src, dst, at, per_row, count, fits, supers)


@kernel
def encode_q5_k_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // BLOCK
    rows = len(dst) // per_row
    x, w = np.empty(BLOCK * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(2 * LANES, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            column = block * BLOCK
            _search_weighted(
                src, first, rows - 1, importances, column, 31, Q5_WEIGHTED_PLAN, x, w, fits
            )
            settle(fits, PARTS, 63, SUPER_PLAN, supers)
            at, count = first * per_row + block, min(LANES, rows - first)
            _write_q5(src, dst, at, per_row, count, fits, supers)


@inner
def _search_parts(src, first, last, top, plan, x, w, fits):
    """Fit every sub-block of 16 blocks, one block per lane; lanes past the last block repeat it."""
    for part in range(PARTS):
        for at in range(0, WIDTH, LANES):
            transpose(src, first, last, BLOCK, part * WIDTH + at, x, at * LANES)
        magnitude_weights(x, w, WIDTH)
        affine_search(x, w, WIDTH, top, plan, REFINEMENTS, fits, part * ROW)


@inner
def _search_weighted(src, first, last, importances, column, top, plan, x, w, fits):
    """Fit every sub-block of the blocks at `column` of 16 rows, one row per lane."""
    total = take(src, first, last, len(importances), column, BLOCK, x)
    spread = total * splat(F32(2 / BLOCK))
    for part in range(PARTS):
        part_x = x[part * WIDTH * LANES :]
        importance_weights(part_x, w, WIDTH, importances, column + part * WIDTH, spread)
        affine_search(part_x, w, WIDTH, top, plan, REFINEMENTS, fits, part * ROW)


@inner
def _write_q4(src, dst, first, step, count, fits, supers):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _write_head(fits, supers, lane, dst[block])
        _write_nibbles(src, block, fits, lane, dst, block * 144 + 16)


@inner
def _write_q5(src, dst, first, step, count, fits, supers):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _write_head(fits, supers, lane, dst[block])
        _write_five_bits(src, block, fits, lane, dst, block * 176 + 16)


@inner
def _write_head(fits, supers, lane, block):
    """d, dmin and the 6-bit numbers; bytes 0..3 also store the upper bits of sub-blocks 4..7."""
    put_half(block, 0, supers[lane])
    put_half(block, 2, supers[LANES + lane])
    for part in range(4):
        near, far = part * ROW + lane, (part + 4) * ROW + lane
        scale, scale_far = I32(fits[near]), I32(fits[far])
        minimum, minimum_far = I32(fits[near + LANES]), I32(fits[far + LANES])
        block[4 + part] = U8(scale | (scale_far >> 4) << 6)
        block[8 + part] = U8(minimum | (minimum_far >> 4) << 6)
        block[12 + part] = U8((scale_far & 15) | (minimum_far & 15) << 4)


@inner
def _codes(src, at, fits, part, lane, top):
    """Integer codes of 16 weights of one sub-block, in source order."""
    row = part * ROW + lane
    inverse, offset = splat(fits[row + INVERSE]), splat(fits[row + OFFSET])
    return integers(whole(fma(load(src, at), inverse, offset), 0, top))


@inner
def _write_nibbles(src, block, fits, lane, dst, to):
    """128 bytes of low nibbles, sixteen at a time."""
    for part in range(0, PARTS, 2):
        for half in range(0, WIDTH, LANES):
            at = block * BLOCK + part * WIDTH + half
            low = _codes(src, at, fits, part, lane, 15)
            high = _codes(src, at + WIDTH, fits, part + 1, lane, 15)
            store_bytes(dst, to + part * 16 + half, low | high << splat(I32(4)))


@inner
def _write_five_bits(src, block, fits, lane, dst, to):
    """32 bytes of fifth bits (bit p of byte j: weight j of sub-block p), then the low nibbles."""
    for half in range(0, WIDTH, LANES):
        fifths = splat(I32(0))
        for part in range(0, PARTS, 2):
            at = block * BLOCK + part * WIDTH + half
            low = _codes(src, at, fits, part, lane, 31)
            high = _codes(src, at + WIDTH, fits, part + 1, lane, 31)
            pair = (low >> splat(I32(4))) | (high >> splat(I32(4))) << splat(I32(1))
            fifths = fifths | pair << splat(I32(part))
            nibbles = (low & splat(I32(15))) | (high & splat(I32(15))) << splat(I32(4))
            store_bytes(dst, to + WIDTH + part * 16 + half, nibbles)
        store_bytes(dst, to + half, fifths)
