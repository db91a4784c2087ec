"""Decoders of the K-quants: 256 weights in sub-blocks of 16 or 32, whose scales are quantized too.

Contract of every kernel here: src u8[blocks, bytes] (read-only), dst f32[blocks, 256]; nothing is
checked. Scales d and dmin are f16, little endian. Products and differences are rounded one by one,
in the order of the formula: no fma, so that the bits are those of ggml's reference.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import half_at
from edgemed_native.lanes import load_bytes, numbers, splat, store

F32 = np.float32
I8 = np.int8
I32 = np.int32


@kernel
def decode_q2_k(src, dst):
    """0 scale and minimum[16] | 16 q[64] | 80 d | 82 dmin     weight = (d scale) q - (dmin minimum)

    Scale byte: MMMMSSSS. Each half of 128 weights has 32 bytes q: bits 0-1 are its first 32
    weights, bits 2-3 the next 32, and so on.
    """
    for b in range(dst.shape[0]):
        block, at = src[b], 84 * b
        d, dmin = half_at(block, 80), half_at(block, 82)
        for sub in range(16):
            scale = splat(d * F32(I32(block[sub]) & I32(15)))
            minimum = splat(dmin * F32(I32(block[sub]) >> I32(4)))
            half, shift, part = sub // 8, sub // 2 % 4, sub % 2
            q = load_bytes(src, at + 16 + 32 * half + 16 * part) >> splat(I32(2 * shift))
            store(dst, 256 * b + 16 * sub, numbers(q & splat(I32(3))) * scale - minimum)


@inner
def q3_scale(block, sub):
    """Six-bit scale `sub` of 16, minus 32; the scales are bytes 96 to 107.

    byte    96 .. 103 of s = 0 .. 7      low nibbles of scale s and (upper nibble) of scale s + 8
    byte   104 .. 107 of s = 0 .. 3      upper two bits of scales s, s + 4, s + 8, s + 12
    """
    low = (I32(block[96 + sub % 8]) >> I32(4 * (sub // 8))) & I32(15)
    high = (I32(block[104 + sub % 4]) >> I32(2 * (sub // 4))) & I32(3)
    return F32(I32(low | (high << I32(4))) - I32(32))


@kernel
def decode_q3_k(src, dst):
    """0 third bits[32] | 32 q[64] | 96 scales[12] | 108 d     weight = (d scale) (q - 4)

    q as in Q2_K plus a third bit: bit k of byte i belongs to weight 32 k + i.
    """
    for b in range(dst.shape[0]):
        block, at = src[b], 110 * b
        d = half_at(block, 108)
        for sub in range(16):
            scale = splat(d * q3_scale(block, sub))
            half, shift, part = sub // 8, sub // 2 % 4, sub % 2
            low = load_bytes(src, at + 32 + 32 * half + 16 * part) >> splat(I32(2 * shift))
            high = load_bytes(src, at + 16 * part) >> splat(I32(sub // 2))
            q = (low & splat(I32(3))) | ((high & splat(I32(1))) << splat(I32(2)))
            store(dst, 256 * b + 16 * sub, (numbers(q) - splat(F32(4))) * scale)


@inner
def scale_and_minimum(block, sub):
    """Six-bit scale and minimum of sub-block `sub` of 8, as float32; they are bytes 4 to 15.

    byte  4 + s    BBAAAAAA    scale s        BB: upper bits of scale s + 4        s = 0 .. 3
    byte  8 + s    DDCCCCCC    minimum s      DD: upper bits of minimum s + 4
    byte 12 + s    DDDDBBBB    lower bits of minimum s + 4 and scale s + 4
    """
    if sub < 4:
        return F32(I32(block[4 + sub]) & I32(63)), F32(I32(block[8 + sub]) & I32(63))
    low = I32(block[8 + sub])
    scale = (low & I32(15)) | ((I32(block[sub]) >> I32(6)) << I32(4))
    minimum = (low >> I32(4)) | ((I32(block[4 + sub]) >> I32(6)) << I32(4))
    return F32(I32(scale)), F32(I32(minimum))


@kernel
def decode_q4_k(src, dst):
    """0 d | 2 dmin | 4 scales and minima[12] | 16 q[128]    weight = (d scale) q - (dmin minimum)

    32 bytes q for two sub-blocks of 32: low nibbles the first, high nibbles the second.
    """
    for b in range(dst.shape[0]):
        block, at = src[b], 144 * b
        d, dmin = half_at(block, 0), half_at(block, 2)
        for sub in range(0, 8, 2):
            s0, m0 = scale_and_minimum(block, sub)
            s1, m1 = scale_and_minimum(block, sub + 1)
            d0, d1, dm0, dm1 = splat(d * s0), splat(d * s1), splat(dmin * m0), splat(dmin * m1)
            for part in range(0, 32, 16):
                q, to = load_bytes(src, at + 16 + 16 * sub + part), 256 * b + 32 * sub + part
                store(dst, to, numbers(q & splat(I32(15))) * d0 - dm0)
                store(dst, to + 32, numbers(q >> splat(I32(4))) * d1 - dm1)


@kernel
def decode_q5_k(src, dst):
    """0 d | 2 dmin | 4 scales and minima[12] | 16 fifth bits[32] | 48 q[128]     as Q4_K

    Bit k of byte i of the fifth bits belongs to weight i of sub-block k.
    """
    for b in range(dst.shape[0]):
        block, at = src[b], 176 * b
        d, dmin = half_at(block, 0), half_at(block, 2)
        for sub in range(0, 8, 2):
            s0, m0 = scale_and_minimum(block, sub)
            s1, m1 = scale_and_minimum(block, sub + 1)
            d0, d1, dm0, dm1 = splat(d * s0), splat(d * s1), splat(dmin * m0), splat(dmin * m1)
            for part in range(0, 32, 16):
                q, to = load_bytes(src, at + 48 + 16 * sub + part), 256 * b + 32 * sub + part
                fifth = (load_bytes(src, at + 16 + part) >> splat(I32(sub))) << splat(I32(4))
                q0 = (q & splat(I32(15))) | (fifth & splat(I32(16)))
                q1 = (q >> splat(I32(4))) | ((fifth >> splat(I32(1))) & splat(I32(16)))
                store(dst, to, numbers(q0) * d0 - dm0)
                store(dst, to + 32, numbers(q1) * d1 - dm1)


@kernel
def decode_q6_k(src, dst):
    """0 low nibbles[128] | 128 upper bits[64] | 192 scales i8[16] | 208 d

    weight = (d scale) (q - 32). Each half of 128 weights has 64 bytes of nibbles (low nibbles:
    weights 0 to 63, high nibbles: 64 to 127) and 32 bytes of upper bits (bits 0-1: weights 0 to 31,
    bits 2-3: 32 to 63, and so on).
    """
    for b in range(dst.shape[0]):
        block, at = src[b], 210 * b
        d = half_at(block, 208)
        for sub in range(16):
            scale = splat(d * F32(I8(block[192 + sub])))
            half, quarter, part = sub // 8, sub // 2 % 4, 16 * (sub % 2)
            nibbles = load_bytes(src, at + 64 * half + 32 * (quarter % 2) + part)
            upper = load_bytes(src, at + 128 + 32 * half + part) >> splat(I32(2 * quarter))
            low = (nibbles >> splat(I32(4 * (quarter // 2)))) & splat(I32(15))
            q = low | ((upper & splat(I32(3))) << splat(I32(4)))
            store(dst, 256 * b + 16 * sub, (numbers(q) - splat(F32(32))) * scale)
