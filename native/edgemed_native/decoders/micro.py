"""Decoders of the smallest types: one bit, ternary, and the two 4-bit float formats.

Contract of every kernel here: src u8[blocks, bytes] (read-only), dst f32[blocks, weights]; nothing
is checked. Scales are f16, little endian, unless drawn otherwise.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import U32, half_at, word_at
from edgemed_native.lanes import load_bytes, numbers, ramp, splat, store

F32 = np.float32
I32 = np.int32

E2M1_DOUBLED = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], F32)
"""Twice the value of every 4-bit float SEEM (OCP microscaling formats 1.0); -0 counts as 0."""


@kernel
def decode_q1_0(src, dst):
    """0 d | 2 bits[16]        weight = d where its bit is set, else -d"""
    for b in range(dst.shape[0]):
        d = splat(half_at(src[b], 0))
        for i in range(8):
            word = I32(src[b, 2 + 2 * i]) | (I32(src[b, 3 + 2 * i]) << I32(8))
            twice = ((splat(I32(word)) >> ramp()) & splat(I32(1))) << splat(I32(1))
            store(dst, 128 * b + 16 * i, (numbers(twice) - splat(F32(1))) * d)


@kernel
def decode_q2_0(src, dst):
    """0 d | 2 q[16]        weight = d (q - 1); four codes a byte, the lowest bits first"""
    for b in range(dst.shape[0]):
        d = splat(half_at(src[b], 0))
        for i in range(4):
            word = splat(I32(word_at(src[b], 2 + 4 * i)))
            q = (word >> (ramp() + ramp())) & splat(I32(3))
            store(dst, 64 * b + 16 * i, (numbers(q) - splat(F32(1))) * d)


@inner
def ternary(q, d):
    """The highest base-3 digit of q / 256, minus one, times d."""
    return (numbers((q + q + q) >> splat(I32(8))) - splat(F32(1))) * d


@kernel
def decode_tq1_0(src, dst):
    """0 q[48] | 48 last[4] | 52 d        weight = d (digit - 1)

    A byte holds five base-3 digits as the fraction q / 256, and multiplying by three moves the
    next one up. Bytes 0 to 31 hold weights 32 n + i, 32 to 47 weights 160 + 16 n + i (n = 0 .. 4),
    and 48 to 51 weights 240 + 4 n + i (n = 0 .. 3).
    """
    for b in range(dst.shape[0]):
        at, to, d = 54 * b, 256 * b, half_at(src[b], 52)
        for part in range(3):
            q = load_bytes(src, at + 16 * part)
            first, step = (160, 16) if part == 2 else (16 * part, 32)
            for n in range(5):
                store(dst, to + first + step * n, ternary(q, splat(d)))
                q = (q + q + q) & splat(I32(255))
        for i in range(4):
            last = I32(src[b, 48 + i])
            for n in range(4):
                dst[b, 240 + 4 * n + i] = (F32(I32(last * 3) >> 8) - F32(1)) * d
                last = I32(last * 3) & I32(255)


@kernel
def decode_tq2_0(src, dst):
    """0 q[64] | 64 d        weight = d (q - 1)

    Each half of 128 weights has 32 bytes: bits 0-1 are its first 32 weights, and so on.
    """
    for b in range(dst.shape[0]):
        d = splat(half_at(src[b], 64))
        for sub in range(16):
            half, shift, part = sub // 8, sub // 2 % 4, sub % 2
            q = load_bytes(src, 66 * b + 32 * half + 16 * part) >> splat(I32(2 * shift))
            store(dst, 256 * b + 16 * sub, (numbers(q & splat(I32(3))) - splat(F32(1))) * d)


@inner
def half_of_power(e):
    """2^(e - 128), half of the E8M0 scale e: exact, subnormal for e = 0 and 1."""
    e = U32(e)
    return U32(U32(0x00200000) << e if e < U32(2) else (e - U32(1)) << U32(23)).view(F32)


@kernel
def decode_mxfp4(src, dst):
    """0 scale E8M0 | 1 q[16]        weight = 2^(scale - 127) E2M1(q)

    Low nibbles are the first 16 weights, high nibbles the last 16.
    """
    for b in range(dst.shape[0]):
        d = half_of_power(src[b, 0])
        for i in range(16):
            q = src[b, 1 + i]
            dst[b, i] = d * E2M1_DOUBLED[q & 15]
            dst[b, 16 + i] = d * E2M1_DOUBLED[q >> 4]


@inner
def half_of_ue4m3(x):
    """Half of the unsigned E4M3 float x (its top bit is ignored; 127, its NaN, counts as 0)."""
    exponent, mantissa = U32(x >> 3) & U32(15), U32(x) & U32(7)
    if x == 0 or x == 127:
        return F32(0)
    if exponent == U32(0):
        return F32(mantissa) * F32(2.0**-10)
    return U32(((exponent + U32(119)) << U32(23)) | (mantissa << U32(20))).view(F32)


@kernel
def decode_nvfp4(src, dst):
    """0 scales UE4M3[4] | 4 q[32]        weight = scale E2M1(q), a scale for every 16 weights

    Of the 8 bytes of a sub-block, low nibbles are its first 8 weights, high nibbles its last 8.
    """
    for b in range(dst.shape[0]):
        for sub in range(4):
            d = half_of_ue4m3(src[b, sub])
            for i in range(8):
                q = src[b, 4 + 8 * sub + i]
                dst[b, 16 * sub + i] = d * E2M1_DOUBLED[q & 15]
                dst[b, 16 * sub + 8 + i] = d * E2M1_DOUBLED[q >> 4]
