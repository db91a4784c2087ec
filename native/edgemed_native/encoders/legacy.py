"""Encoders of Q4_0, Q4_1, Q5_0 and Q5_1: blocks of 32 weights with one scale, or scale and minimum.

    Q4_0   d | q[16]               weight = d (q - 8)      low nibbles are the first 16 weights,
    Q4_1   d | m | q[16]           weight = d q + m        high nibbles the last 16
    Q5_0   d | fifths | q[16]      weight = d (q - 16)     fifths: u32, bit i is the fifth bit
    Q5_1   d | m | fifths | q[16]  weight = d q + m        of weight i

First the codes that ggml's reference would give are computed; d (and m) is fitted to them by least
squares and rounded to float16; then the codes are computed again with these. Sixteen blocks are
fitted in parallel, then written one by one from the source.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
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
from edgemed_native.search import (
    half_bits,
    half_unless_zero,
    inverse_of,
    or_infinite,
    round_to_half,
    whole,
)

F32 = np.float32
I32 = np.int32
U8 = np.uint8

WIDTH = 32  # weights in a block

# Results of a fit of 16 blocks, in vectors of 16 floats. Stored as numbers: the bits of the scale
# and of the minimum (SCALE, LOWEST), and two times 16 fifth bits.
SCALE, MINIMUM, LOWEST, INVERSE, FIFTHS = range(0, 5 * LANES, LANES)
FIT = 6 * LANES


@kernel
def encode_q4_0(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 18]."""
    blocks = len(dst)
    x, fit = np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, x)
        _fit_scale(x, 8, fit)
        write_q4_0(src, dst, first, 1, min(LANES, blocks - first), fit)


@kernel
def encode_q4_1(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 20]."""
    blocks = len(dst)
    x, fit = np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, x)
        _fit_scale_and_minimum(x, 15, fit)
        write_q4_1(src, dst, first, 1, min(LANES, blocks - first), fit)


@kernel
def encode_q5_0(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 22]."""
    blocks = len(dst)
    x, fit = np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, x)
        _fit_scale(x, 16, fit)
        find_fifths(x, fit, 16)
        write_q5_0(src, dst, first, 1, min(LANES, blocks - first), fit)


@kernel
def encode_q5_1(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 24]."""
    blocks = len(dst)
    x, fit = np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, blocks, LANES):
        _take(src, first, blocks - 1, x)
        _fit_scale_and_minimum(x, 31, fit)
        find_fifths(x, fit, 0)
        write_q5_1(src, dst, first, 1, min(LANES, blocks - first), fit)


@inner
def _take(src, first, last, x):
    """Sixteen blocks, one per lane; lanes past the last block repeat it."""
    transpose(src, first, last, WIDTH, 0, x, 0)
    transpose(src, first, last, WIDTH, LANES, x, LANES * LANES)


@inner
def _step_inverse(x):
    """1/x, or 0 if x is so small that no half can hold the step: then all weights become 0."""
    least = splat(F32(2.0**-100))
    return where_less(least, absolute(x), splat(F32(1)) / x, splat(F32(0)))


@inner
def _fit_scale(x, reach, fit):
    """The scale for codes -reach..reach-1; the weight farthest from 0 gets -reach."""
    zero, high = splat(F32(0)), splat(F32(reach - 1))
    peak = load(x, 0)
    for i in range(1, WIDTH):
        v = load(x, LANES * i)
        peak = where_less(absolute(peak), absolute(v), v, peak)
    inverse, xq, qq = splat(F32(-reach)) * _step_inverse(peak), zero, zero
    for i in range(WIDTH):
        v = load(x, LANES * i)
        q = nearest(smaller(v * inverse, high))
        xq, qq = fma(v, q, xq), fma(q, q, qq)
    d = half_unless_zero(xq * inverse_of(qq))
    store(fit, SCALE, half_bits(d))
    store(fit, MINIMUM, zero)
    store(fit, INVERSE, inverse_of(d))


@inner
def _fit_scale_and_minimum(x, top, fit):
    """Scale and minimum for codes 0..top; the lowest weight gets 0 and the highest gets top."""
    zero, n = splat(F32(0)), splat(F32(WIDTH))
    low, high = load(x, 0), load(x, 0)
    for i in range(1, WIDTH):
        v = load(x, LANES * i)
        low, high = smaller(v, low), larger(v, high)
    inverse = splat(F32(top)) * _step_inverse(high - low)
    y_sum, q_sum, qq, yq = zero, zero, zero, zero
    for i in range(WIDTH):
        y = load(x, LANES * i) - low
        q = nearest(y * inverse)
        y_sum, q_sum, qq, yq = y_sum + y, q_sum + q, fma(q, q, qq), fma(y, q, yq)
    det = fma(n, qq, zero - q_sum * q_sum)
    span, huge = high - low, splat(F32(2.0**40))  # above this, products overflow
    d = half_unless_zero(or_infinite((n * yq - q_sum * y_sum) * inverse_of(det), span))
    minimum = low + (y_sum - d * q_sum) * splat(F32(1 / WIDTH))
    store(fit, SCALE, half_bits(d))
    minimum = round_to_half(where_less(huge, span, low, minimum))
    store(fit, MINIMUM, minimum)
    store(fit, LOWEST, half_bits(minimum))
    store(fit, INVERSE, inverse_of(d))


@inner
def _code(v, minimum, inverse, zero, top):
    """Codes 0..top of 16 weights, `zero` being the code of the minimum."""
    lowest = F32(-zero)
    return integers(whole((v - minimum) * inverse, lowest, top - zero) - splat(lowest))


@inner
def _write_nibbles(src, block, fit, lane, zero, top, dst, to):
    """The lower four bits of the 32 codes of a block."""
    minimum, inverse = splat(fit[MINIMUM + lane]), splat(fit[INVERSE + lane])
    low = _code(load(src, WIDTH * block), minimum, inverse, zero, top)
    high = _code(load(src, WIDTH * block + LANES), minimum, inverse, zero, top)
    store_bytes(dst, to, (low & splat(I32(15))) | (high & splat(I32(15))) << splat(I32(4)))


@inner
def find_fifths(x, fit, zero):
    """The fifth bits of all sixteen blocks: weight i of each is bit i of its word."""
    minimum, inverse = load(fit, MINIMUM), load(fit, INVERSE)
    for half in range(2):
        word = splat(I32(0))
        for i in range(LANES):
            q = _code(load(x, LANES * (LANES * half + i)), minimum, inverse, zero, 31)
            word = word | (q >> splat(I32(4))) << splat(I32(i))
        store(fit, FIFTHS + LANES * half, numbers(word))


@inner
def _put_bits(block, at, number):
    """Sixteen bits, little endian."""
    word = I32(number)
    block[at] = U8(word & 255)
    block[at + 1] = U8(word >> 8)


@inner
def _put_fifths(fit, lane, block, at):
    for half in range(2):
        _put_bits(block, at + 2 * half, fit[FIFTHS + LANES * half + lane])


@inner
def write_q4_0(src, dst, first, step, count, fit):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _put_bits(dst[block], 0, fit[SCALE + lane])
        _write_nibbles(src, block, fit, lane, 8, 15, dst, 18 * block + 2)


@inner
def write_q4_1(src, dst, first, step, count, fit):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _put_bits(dst[block], 0, fit[SCALE + lane])
        _put_bits(dst[block], 2, fit[LOWEST + lane])
        _write_nibbles(src, block, fit, lane, 0, 15, dst, 20 * block + 4)


@inner
def write_q5_0(src, dst, first, step, count, fit):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _put_bits(dst[block], 0, fit[SCALE + lane])
        _put_fifths(fit, lane, dst[block], 2)
        _write_nibbles(src, block, fit, lane, 16, 31, dst, 22 * block + 6)


@inner
def write_q5_1(src, dst, first, step, count, fit):
    """Block first + step * lane from each of `count` lanes."""
    for lane in range(count):
        block = first + step * lane
        _put_bits(dst[block], 0, fit[SCALE + lane])
        _put_bits(dst[block], 2, fit[LOWEST + lane])
        _put_fifths(fit, lane, dst[block], 4)
        _write_nibbles(src, block, fit, lane, 0, 31, dst, 24 * block + 8)
