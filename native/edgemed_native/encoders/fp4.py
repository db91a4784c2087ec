"""Encoders of MXFP4 and NVFP4: 4-bit floats (E2M1) with a scale that is a small float itself.

    MXFP4   scale E8M0 | q[16]           weight = 2^(scale - 127) E2M1(q)       32 weights
    NVFP4   scales UE4M3[4] | q[32]      weight = scale E2M1(q)      64 weights, a scale for 16

    q: SEEM, magnitudes 0, 0.5, 1, 1.5, 2, 3, 4, 6. MXFP4: low nibbles are the first 16 weights,
    high nibbles the last 16. NVFP4: 8 bytes for each 16 weights, low nibbles the first 8 of them.

The scale that ggml's reference derives from the largest weight is tried, and some neighbours of
it; the one with the least squared error wins. Sixteen blocks are searched in parallel.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.lanes import (
    LANES,
    absolute,
    bits,
    floats,
    fma,
    integers,
    larger,
    load,
    numbers,
    smaller,
    splat,
    store,
    store_bytes,
    transpose,
    where_less,
)
from edgemed_native.search import inverse_of, whole

F32 = np.float32
I32 = np.int32
U8 = np.uint8

WIDTH = 32  # weights of an MXFP4 block
PART = 16  # weights that share a scale of NVFP4

STEPS = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], F32)
MIDDLES = (STEPS[1:] + STEPS[:-1]) / F32(2)

POWERS = np.array([0, 1], F32)
SCALES = np.array([0, 1, -1, 2, -2, 3, 4, 5], F32)
"""Steps from the reference's scale to try; 0 comes first, so that it wins a tie."""

HIGHEST_UE4M3 = 126  # 448; 127 is NaN


@kernel
def encode_mxfp4(src, dst):
    """src f32[blocks, 32] -> dst u8[blocks, 17]."""
    blocks = len(dst)
    x, chosen = np.empty(WIDTH * LANES, F32), np.empty(2 * LANES, F32)
    for first in range(0, blocks, LANES):
        transpose(src, first, blocks - 1, WIDTH, 0, x, 0)
        transpose(src, first, blocks - 1, WIDTH, LANES, x, LANES * LANES)
        code = _best_power(x)
        store(chosen, 0, code)
        store(chosen, LANES, inverse_of(_power(code)))
        for lane in range(min(LANES, blocks - first)):
            at, inverse = (first + lane) * WIDTH, splat(chosen[LANES + lane])
            dst[first + lane, 0] = U8(I32(chosen[lane]))
            low, high = _codes(load(src, at) * inverse), _codes(load(src, at + LANES) * inverse)
            store_bytes(dst, (first + lane) * 17 + 1, low | high << splat(I32(4)))


@kernel
def encode_nvfp4(src, dst):
    """src f32[blocks, 64] -> dst u8[blocks, 36]."""
    parts = 4 * len(dst)
    x, made = np.empty(PART * LANES, F32), np.empty((1 + PART // 2) * LANES, F32)
    for first in range(0, parts, LANES):
        transpose(src, first, parts - 1, PART, 0, x, 0)
        code = _best_scale(x)
        store(made, 0, code)
        inverse = inverse_of(_ue4m3(code))
        for i in range(PART // 2):
            low = _codes(load(x, LANES * i) * inverse)
            high = _codes(load(x, LANES * (i + PART // 2)) * inverse)
            store(made, LANES * (1 + i), numbers(low | high << splat(I32(4))))
        for lane in range(min(LANES, parts - first)):
            block, part = (first + lane) // 4, (first + lane) % 4
            dst[block, part] = U8(I32(made[lane]))
            for i in range(PART // 2):
                dst[block, 4 + 8 * part + i] = U8(I32(made[LANES * (1 + i) + lane]))


@inner
def _largest(x, n):
    most = splat(F32(0))
    for i in range(n):
        most = larger(absolute(load(x, LANES * i)), most)
    return most


@inner
def _power(code):
    """2^(code - 127) for codes 1..254."""
    return floats(integers(code) << splat(I32(23)))


@inner
def _best_power(x):
    """The E8M0 code of the least error; the reference's puts the largest weight at 4 to 8."""
    exponent = numbers(bits(_largest(x, WIDTH)) >> splat(I32(23)))
    base, least = exponent - splat(F32(2)), splat(F32(np.inf))
    best = whole(base, 1, 254)
    for k in range(len(POWERS)):
        code = whole(base + splat(POWERS[k]), 1, 254)
        error = _error(x, WIDTH, _power(code))
        best, least = where_less(error, least, code, best), smaller(error, least)
    return best


@inner
def _ue4m3(code):
    """Codes 0..126 -> the unsigned float EEEEMMM: exponent bias 7, subnormal below 8."""
    normal = floats((integers(code) << splat(I32(20))) + splat(I32(120 << 23)))
    return where_less(code, splat(F32(8)), code * splat(F32(2.0**-9)), normal)


@inner
def _best_scale(x):
    """The UE4M3 code of the least error; the reference's puts the largest weight at 6."""
    wanted = _largest(x, PART) * splat(F32(1 / 6))
    wanted = smaller(wanted, splat(F32(448)))
    rounded = (bits(wanted) + splat(I32(1 << 19))) >> splat(I32(20))
    tiny = wanted * splat(F32(512))
    base = numbers(rounded) - splat(F32(120 * 8))
    base = whole(where_less(wanted, splat(F32(2.0**-6)), tiny, base), 0, HIGHEST_UE4M3)
    best, least = base, splat(F32(np.inf))
    for k in range(len(SCALES)):
        code = whole(base + splat(SCALES[k]), 0, HIGHEST_UE4M3)
        error = _error(x, PART, _ue4m3(code))
        best, least = where_less(error, least, code, best), smaller(error, least)
    return best


@inner
def _error(x, n, scale):
    """Squared error of the weights with this scale."""
    inverse, error = inverse_of(scale), splat(F32(0))
    for i in range(n):
        y = absolute(load(x, LANES * i)) * inverse
        q = splat(STEPS[0])
        for k in range(len(MIDDLES)):
            q = where_less(splat(MIDDLES[k]), y, splat(STEPS[k + 1]), q)
        off = absolute(load(x, LANES * i)) - q * scale
        error = fma(off, off, error)
    return error


@inner
def _codes(y):
    """Codes 0..15 of weights divided by their scale; -0 is never used."""
    size, code = absolute(y), splat(F32(0))
    for k in range(len(MIDDLES)):
        code = where_less(splat(MIDDLES[k]), size, splat(F32(k + 1)), code)
    minus = where_less(y, splat(-MIDDLES[0]), splat(F32(8)), splat(F32(0)))
    return integers(code + minus)
