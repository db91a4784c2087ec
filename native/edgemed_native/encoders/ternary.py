"""Encoders of the types with one scale and one or two bits per weight: TQ1_0, TQ2_0, Q2_0, Q1_0.

    TQ2_0   q[64] | d        weight = d (q - 1), q in 0..2; bits as in Q2_K
    TQ1_0   q[48] | q[4] | d the same; a byte is a fraction of 256 whose digits to base 3 are codes
    Q2_0    d | q[16]        weight = d (q - 1), q in 0..3; a byte is four weights in a row
    Q1_0    d | bits[16]     weight = d where its bit is set, else -d

ggml's reference uses the largest weight as d (for Q1_0 the mean magnitude, which is already the
best). That is right for weights that were trained to be -d, 0 and d, but poor for all others. Here
that scale and some smaller ones are tried and fitted by least squares; ternary weights stay exact.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import put_half
from edgemed_native.lanes import (
    LANES,
    absolute,
    fma,
    integers,
    larger,
    load,
    nearest,
    numbers,
    smaller,
    splat,
    store,
    store_bytes,
    transpose,
    where_less,
)
from edgemed_native.search import half_unless_zero, inverse_of, or_infinite, peak_of, whole

F32 = np.float32
I32 = np.int32
U8 = np.uint8

BLOCK = 256  # weights of TQ1_0 and TQ2_0

PLAN = np.array([1.2, 0.9, 0.65, 0.5], F32)
"""Tried for ternary codes: where to put the mean magnitude, after trying the largest at 1."""

Q2_0_PLAN = np.array([1, -1, 2.3, 1.9, 1.5, -1.4], F32)
"""Tried for codes -1..2: where to put the weight farthest from 0."""

REFINEMENTS = 2

SCALE, INVERSE, FIT = 0, LANES, 2 * LANES


@kernel
def encode_tq2_0(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 66]."""
    blocks = len(dst)
    x, fit = np.empty(BLOCK * LANES, F32), np.empty(FIT, F32)
    for first in range(0, blocks, LANES):
        _fit_ternary(src, first, blocks - 1, x, fit)
        for lane in range(min(LANES, blocks - first)):
            at, inverse = (first + lane) * BLOCK, fit[INVERSE + lane]
            for sub in range(0, 64, LANES):
                codes = splat(I32(0))
                for k in range(4):
                    q = _ternary(src, at + 128 * (sub // 32) + 32 * k + sub % 32, inverse)
                    codes = codes | integers(q) << splat(I32(2 * k))
                store_bytes(dst, (first + lane) * 66 + sub, codes)
            put_half(dst[first + lane], 64, fit[SCALE + lane])


@kernel
def encode_tq1_0(src, dst):
    """src f32[blocks, 256] -> dst u8[blocks, 54]."""
    blocks = len(dst)
    x, fit, last = np.empty(BLOCK * LANES, F32), np.empty(FIT, F32), np.empty(LANES, F32)
    for first in range(0, blocks, LANES):
        _fit_ternary(src, first, blocks - 1, x, fit)
        for lane in range(min(LANES, blocks - first)):
            at, to, inverse = (first + lane) * BLOCK, (first + lane) * 54, fit[INVERSE + lane]
            store_bytes(dst, to, _five(src, at, 32, inverse))
            store_bytes(dst, to + 16, _five(src, at + 16, 32, inverse))
            store_bytes(dst, to + 32, _five(src, at + 160, 16, inverse))
            store(last, 0, _ternary(src, at + 240, inverse))
            for i in range(4):
                digits = F32(0)
                for k in range(4):
                    digits = digits * F32(3) + last[4 * k + i]
                dst[first + lane, 48 + i] = U8(_fraction_of(I32(digits) * 3))
            put_half(dst[first + lane], 52, fit[SCALE + lane])


@kernel
def encode_q2_0(src, dst):
    """src f32[blocks, 64] -> dst u8[blocks, 18]."""
    blocks = len(dst)
    x, fit, made = np.empty(64 * LANES, F32), np.empty(FIT, F32), np.empty(16 * LANES, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, 64, x)
        _keep(_fit(x, 64, Q2_0_PLAN, inverse_of(peak_of(x, 64)), -1, 2), fit)
        inverse = load(fit, INVERSE)
        for byte in range(16):
            codes = splat(I32(0))
            for k in range(4):
                q = whole(load(x, LANES * (4 * byte + k)) * inverse, -1, 2) + splat(F32(1))
                codes = codes | integers(q) << splat(I32(2 * k))
            store(made, LANES * byte, numbers(codes))
        for lane in range(min(LANES, blocks - first)):
            put_half(dst[first + lane], 0, fit[SCALE + lane])
            for byte in range(16):
                dst[first + lane, 2 + byte] = U8(I32(made[LANES * byte + lane]))


@kernel
def encode_q1_0(src, dst):
    """src f32[blocks, 128] -> dst u8[blocks, 18]."""
    blocks = len(dst)
    x, made = np.empty(128 * LANES, F32), np.empty(9 * LANES, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, 128, x)
        store(made, 8 * LANES, _sum_of_sizes(x, 128) * splat(F32(1 / 128)))
        for word in range(8):
            signs = splat(I32(0))
            for i in range(LANES):
                v, zero = load(x, LANES * (LANES * word + i)), splat(F32(0))
                plus = integers(where_less(v, zero, zero, splat(F32(1))))
                signs = signs | plus << splat(I32(i))
            store(made, LANES * word, numbers(signs))
        for lane in range(min(LANES, blocks - first)):
            put_half(dst[first + lane], 0, made[8 * LANES + lane])
            for word in range(8):
                signs16 = I32(made[LANES * word + lane])
                dst[first + lane, 2 + 2 * word] = U8(signs16 & 255)
                dst[first + lane, 3 + 2 * word] = U8(signs16 >> 8)


@inner
def _take(src, first, last, n, x):
    """Sixteen blocks of n weights, one per lane; lanes past the last block repeat it."""
    for at in range(0, n, LANES):
        transpose(src, first, last, n, at, x, at * LANES)


@inner
def _sum_of_sizes(x, n):
    total = splat(F32(0))
    for i in range(n):
        total = total + absolute(load(x, LANES * i))
    return total


@inner
def _fit_ternary(src, first, last, x, fit):
    _take(src, first, last, BLOCK, x)
    mean = _sum_of_sizes(x, BLOCK) * splat(F32(1 / BLOCK))
    _keep(_fit(x, BLOCK, PLAN, inverse_of(mean), -1, 1), fit)


@inner
def _keep(scale, fit):
    d = half_unless_zero(scale)
    store(fit, SCALE, d)
    store(fit, INVERSE, inverse_of(d))


@inner
def _fit(x, n, plan, step, lowest, highest):
    """The scale of least squared error for codes lowest..highest.

    Tries: the peak at 1; each value of the plan times `step`; then a fit to the best codes so far.
    """
    peak = peak_of(x, n)
    best, scale = splat(F32(0)), splat(F32(0))
    for k in range(-1, len(plan) + REFINEMENTS):
        inverse = inverse_of(absolute(peak) if k < 0 else scale)
        if 0 <= k < len(plan):
            inverse = splat(plan[k]) * step
        xq, qq = splat(F32(0)), splat(F32(0))
        for i in range(n):
            v = load(x, LANES * i)
            q = nearest(smaller(larger(v * inverse, splat(F32(lowest))), splat(F32(highest))))
            xq, qq = fma(v, q, xq), fma(q, q, qq)
        s = xq * inverse_of(qq)
        gain = s * xq
        scale, best = where_less(best, gain, s, scale), larger(gain, best)
    return or_infinite(scale, absolute(peak))


@inner
def _ternary(src, at, inverse):
    """Codes 0..2 of 16 weights, as floats."""
    return whole(load(src, at) * splat(inverse), -1, 1) + splat(F32(1))


@inner
def _five(src, at, apart, inverse):
    """Sixteen bytes of five codes each; the codes of a byte are `apart` weights apart."""
    digits = splat(F32(0))
    for k in range(5):
        digits = digits * splat(F32(3)) + _ternary(src, at + apart * k, inverse)
    return integers((digits * splat(F32(256)) + splat(F32(242))) / splat(F32(243)))


@inner
def _fraction_of(digits):
    """digits / 243 as a fraction of 256, rounded up."""
    return (digits * 256 + 242) // 243
