"""Encoders of IQ4_NL and IQ4_XS: sixteen uneven steps (a codebook), 32 weights to a scale.

    IQ4_NL   d | q[16]                              weight = d codebook[q]
    IQ4_XS   d | scales_h u16 | scales_l[4] | q[128]  weight = d (scale - 32) codebook[q]

    Low nibbles of 16 bytes q are the first 16 weights, high nibbles the last 16. The scales of an
    IQ4_XS block have six bits: scale p has its lower four in nibble p of scales_l and its upper two
    in bits 2p and 2p + 1 of scales_h.

The weight farthest from 0 is laid on several places near the codebook's ends; the least-squares fit
that errs least, weighted by x^2 + mean(x^2), wins, and is fitted once more to the codes it gives.
Sixteen blocks are searched side by side, then written one by one straight from the source.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.decoders.iquants import CODEBOOK
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
    choose_step,
    half_unless_zero,
    inverse_of,
    or_infinite,
    peak_of,
    square_weights,
    whole,
)

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256  # weights in a block of IQ4_XS
PARTS = 8
WIDTH = 32  # weights that share a scale

STEPS = len(CODEBOOK)
MIDDLES = (CODEBOOK[1:] + CODEBOOK[:-1]) / F32(2)
"""Between two neighbours of the codebook: above it, the upper one is nearer."""

PLAN = np.array([-119, -122, -125, -128, -131, -134, 109, 113, 117, 121], F32)
SUPER_PLAN = -np.array([32, 31, 30, 29], F32)

# Rows of 16 floats for each sub-block: the fitted scale and its weight; then what _settle makes.
SCALE, WEIGHT = SIX_BITS, INVERSE = 0, LANES
ROW = 2 * LANES


@kernel
def encode_iq4_nl(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 18]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fit = np.empty(ROW, F32)
    for first in range(0, blocks, LANES):
        scale, _ = _search_part(src, first, blocks - 1, WIDTH, 0, x, w)
        d = half_unless_zero(scale)
        store(fit, SCALE, d)
        store(fit, INVERSE, inverse_of(d))
        for lane in range(min(LANES, blocks - first)):
            put_half(dst[first + lane], 0, fit[SCALE + lane])
            at = (first + lane) * WIDTH
            _write_part(src, at, fit[INVERSE + lane], dst, (first + lane) * 18 + 2)


@kernel
def encode_iq4_xs(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 136]."""
    blocks = len(dst)
    x, w = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32)
    fits, supers = np.empty(PARTS * ROW, F32), np.empty(LANES, F32)
    for first in range(0, blocks, LANES):
        for part in range(PARTS):
            scale, weight = _search_part(src, first, blocks - 1, BLOCK, part * WIDTH, x, w)
            store(fits, part * ROW + SCALE, scale)
            store(fits, part * ROW + WEIGHT, weight)
        store(supers, 0, _settle(fits))
        for lane in range(min(LANES, blocks - first)):
            put_half(dst[first + lane], 0, supers[lane])
            _write_scales(fits, lane, dst[first + lane])
            for part in range(PARTS):
                at, to = (first + lane) * BLOCK + part * WIDTH, (first + lane) * 136 + 8
                inverse = fits[part * ROW + INVERSE + lane]
                _write_part(src, at, inverse, dst, to + part * LANES)


@inner
def _search_part(src, first, last, stride, column, x, w):
    """(scale, sum of w q q) of 32 weights of sixteen blocks; 0 where all are 0."""
    for at in range(0, WIDTH, LANES):
        transpose(src, first, last, stride, column + at, x, at * LANES)
    square_weights(x, w, WIDTH)
    peak = peak_of(x, WIDTH)
    step = inverse_of(peak)
    best, scale, weight = splat(F32(0)), splat(F32(0)), splat(F32(0))
    for k in range(len(PLAN) + 1):
        inverse = splat(PLAN[k]) * step if k < len(PLAN) else inverse_of(scale)
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
    """Its place in the codebook."""
    code = splat(F32(0))
    for k in range(STEPS - 1):
        code = where_less(splat(MIDDLES[k]), x, splat(F32(k + 1)), code)
    return integers(code)


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
