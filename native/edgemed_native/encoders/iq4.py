"""Encoders of IQ4_NL and IQ4_XS: a codebook of sixteen uneven values, one scale for 32 weights.

    IQ4_NL   d | q[16]                              weight = d codebook[q]
    IQ4_XS   d | scales_h u16 | scales_l[4] | q[128]  weight = d (scale - 32) codebook[q]

    Low nibbles of 16 bytes q are the first 16 weights, high nibbles the last 16. The scales of an
    IQ4_XS block have six bits: scale p has its lower four in nibble p of scales_l and its upper two
    in bits 2p and 2p + 1 of scales_h.

Several scales are tried, which put the weight farthest from 0 near an end of the codebook; the
least-squares fit with the least error, weighted by x^2 + mean(x^2), wins and is fitted once more to
the codes it gives. Sixteen blocks are searched in parallel, then written one by one.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.decoders.iquants import CODEBOOK
from edgemed_native.encoders.weighting import importance_weights, take
from edgemed_native.lanes import (
    LANES,
    absolute,
    fma,
    integers,
    larger,
    load,
    splat,
    store,
    store_bytes,
    transpose,
    where_less,
)
from edgemed_native.search import (
    half_unless_zero,
    inverse_of,
    or_infinite,
    peak_of,
    square_weights,
    whole,
)
from edgemed_native.steps import choose_step

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256  # weights in a block of IQ4_XS
PARTS = 8
WIDTH = 32  # weights that share a scale

STEPS = len(CODEBOOK)
MIDDLES = (CODEBOOK[1:] + CODEBOOK[:-1]) / F32(2)
"""The middles between neighbours in the codebook: above one, the upper value is nearer."""

PLAN = np.array([-122, -128, -134, 112, 118], F32)
WEIGHTED_PLAN = np.array([-119, -122, -125, -128, -131, -134, 109, 113, 117, 121], F32)
SUPER_PLAN = -np.array([32, 31, 30, 29], F32)

# Rows of 16 floats for each sub-block: the fitted scale and its weight; then results of _settle.
SCALE, WEIGHT = SIX_BITS, INVERSE = 0, LANES
ROW = 2 * LANES


@kernel
def encode_iq4_nl(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 18]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fit = np.empty(ROW, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, WIDTH, 0, x)
        square_weights(x, w, WIDTH)
        _keep(_search(x, w, PLAN)[0], fit)
        _write_nl(src, dst, first, 1, min(LANES, blocks - first), fit)


@kernel
def encode_iq4_nl_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // WIDTH
    rows = len(dst) // per_row
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fit = np.empty(ROW, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            column = block * WIDTH
            total = take(src, first, rows - 1, len(importances), column, WIDTH, x)
            spread = total * splat(F32(2 / WIDTH))
            importance_weights(x, w, WIDTH, importances, column, spread)
            _keep(_search(x, w, WEIGHTED_PLAN)[0], fit)
            _write_nl(src, dst, first * per_row + block, per_row, min(LANES, rows - first), fit)


@kernel
def encode_iq4_xs(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 136]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(LANES, F32)
    for first in range(0, blocks, LANES):
        for part in range(PARTS):
            _take(src, first, blocks - 1, BLOCK, part * WIDTH, x)
            square_weights(x, w, WIDTH)
            scale, weight = _search(x, w, PLAN)
            store(fits, part * ROW + SCALE, scale)
            store(fits, part * ROW + WEIGHT, weight)
        store(supers, 0, _settle(fits))
        _write_xs(src, dst, first, 1, min(LANES, blocks - first), fits, supers)


@kernel
def encode_iq4_xs_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // BLOCK
    rows = len(dst) // per_row
    x, w = np.empty(BLOCK * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(LANES, F32)
    for first in range(0, rows, LANES):
        for block in range(per_row):
            _search_weighted(src, first, rows - 1, importances, block * BLOCK, x, w, fits)
            store(supers, 0, _settle(fits))
            at, count = first * per_row + block, min(LANES, rows - first)
            _write_xs(src, dst, at, per_row, count, fits, supers)


@inner
def _search_weighted(src, first, last, importances, column, x, w, fits):
    """Fit every part of the blocks at `column` of 16 rows, one row per lane."""
    total = take(src, first, last, len(importances), column, BLOCK, x)
    spread = total * splat(F32(2 / BLOCK))
    for part in range(PARTS):
        part_x = x[part * WIDTH * LANES :]
        importance_weights(part_x, w, WIDTH, importances, column + part * WIDTH, spread)
        scale, weight = _search(part_x, w, WEIGHTED_PLAN)
        store(fits, part * ROW + SCALE, scale)
        store(fits, part * ROW + WEIGHT, weight)


@inner
def _take(src, first, last, stride, column, x):
    """32 weights of sixteen blocks, one block per lane."""
    for at in range(0, WIDTH, LANES):
        transpose(src, first, last, stride, column + at, x, at * LANES)


@inner
def _search(x, w, plan):
    """(scale, sum of w q q) of 32 weights in every lane; 0 where all are 0."""
    peak = peak_of(x, WIDTH)
    step = inverse_of(peak)
    best, scale, weight = splat(F32(0)), splat(F32(0)), splat(F32(0))
    for k in range(len(plan) + 1):
        inverse = splat(plan[k]) * step if k < len(plan) else inverse_of(scale)
        xq, qq = splat(F32(0)), splat(F32(0))
        for i in range(WIDTH):
            v = load(x, LANES * i)
            q = _step_nearest(v * inverse)
            wq = load(w, LANES * i) * q
            xq, qq = fma(wq, v, xq), fma(wq, q, qq)
        s = xq * inverse_of(qq)
        gain = s * xq
        scale, weight = where_less(best, gain, s, scale), where_less(best, gain, qq, weight)
        best = larger(gain, best)
    return or_infinite(scale, absolute(peak)), weight


@inner
def _step_nearest(x):
    """The value in the codebook nearest to x; the lowest for NaN."""
    q = splat(CODEBOOK[0])
    for k in range(STEPS - 1):
        q = where_less(splat(MIDDLES[k]), x, splat(CODEBOOK[k + 1]), q)
    return q


@inner
def _code_nearest(x):
    """The index of the nearest value in the codebook."""
    code = splat(F32(0))
    for k in range(STEPS - 1):
        code = where_less(splat(MIDDLES[k]), x, splat(F32(k + 1)), code)
    return integers(code)


@inner
def _keep(scale, fit):
    d = half_unless_zero(scale)
    store(fit, SCALE, d)
    store(fit, INVERSE, inverse_of(d))


@inner
def _write_nl(src, dst, first, step, count, fit):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        put_half(dst[block], 0, fit[SCALE + lane])
        _write_part(src, block * WIDTH, fit[INVERSE + lane], dst, block * 18 + 2)


@inner
def _write_xs(src, dst, first, step, count, fits, supers):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        put_half(dst[block], 0, supers[lane])
        _write_scales(fits, lane, dst[block])
        for part in range(PARTS):
            inverse = fits[part * ROW + INVERSE + lane]
            at, to = block * BLOCK + part * WIDTH, block * 136 + 8 + part * LANES
            _write_part(src, at, inverse, dst, to)


@inner
def _settle(fits):
    """Choose d, round the scales to six bits; returns d."""
    d = choose_step(fits, PARTS, ROW, SCALE, WEIGHT, -32, 31, SUPER_PLAN)
    inverse = inverse_of(d)
    for at in range(0, PARTS * ROW, ROW):
        scale = whole(load(fits, at + SCALE) * inverse, -32, 31)
        store(fits, at + SIX_BITS, scale)
        store(fits, at + INVERSE, inverse_of(d * scale))
    return d


@inner
def _write_part(src, at, inverse, dst, to):
    """The sixteen bytes of 32 codes."""
    low = _code_nearest(load(src, at) * splat(inverse))
    high = _code_nearest(load(src, at + LANES) * splat(inverse))
    store_bytes(dst, to, low | high << splat(I32(4)))


@inner
def _write_scales(fits, lane, block):
    upper = I32(0)
    for part in range(0, PARTS, 2):
        even = I32(fits[part * ROW + SIX_BITS + lane]) + I32(32)
        odd = I32(fits[(part + 1) * ROW + SIX_BITS + lane]) + I32(32)
        block[4 + part // 2] = U8((even & 15) | (odd & 15) << 4)
        upper |= ((even >> 4) | (odd >> 4) << 2) << (2 * part)
    block[2] = U8(upper & 255)
    block[3] = U8(upper >> 8)
