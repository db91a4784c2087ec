"""Decoders of the IQ types: codebooks of 16 values, and grids of 4 or 8 weights and their signs.

Contract of every kernel here: src u8[blocks, bytes] (read-only), dst f32[blocks, weights]; nothing
is checked. Scales d are f16; halves and words are little endian.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import U32, f32_from_half, half_at, word_at
from edgemed_native.decoders import grids
from edgemed_native.lanes import four_rows, numbers, ramp, splat, store, two_rows

F32 = np.float32
I32 = np.int32

CODEBOOK = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], F32)
"""The 16 values of IQ4_NL and IQ4_XS (ggml-common.h)."""

EVEN_SIGNS = np.array([i | (i.bit_count() % 2) << 7 for i in range(128)], np.uint8)
"""Seven signs are stored; the eighth makes the number of minus signs even."""

DELTA = F32(0.125)
"""IQ1 grids are moved up or down by an eighth."""


@kernel
def decode_iq4_nl(src, dst):
    """0 d | 2 q[16]        weight = d codebook[q]; low nibbles first 16, high nibbles last 16"""
    for b in range(dst.shape[0]):
        d = half_at(src[b], 0)
        for i in range(16):
            q = src[b, 2 + i]
            dst[b, i] = d * CODEBOOK[q & 15]
            dst[b, 16 + i] = d * CODEBOOK[q >> 4]


@kernel
def decode_iq4_xs(src, dst):
    """0 d | 2 upper scale bits u16 | 4 lower scale nibbles[4] | 8 q[128]

    weight = (d (scale - 32)) codebook[q], a six-bit scale for each 32 weights; q as in IQ4_NL.
    """
    for b in range(dst.shape[0]):
        d, upper = half_at(src[b], 0), I32(src[b, 2]) | (I32(src[b, 3]) << I32(8))
        for sub in range(8):
            low = (I32(src[b, 4 + sub // 2]) >> I32(4 * (sub % 2))) & I32(15)
            high = (upper >> I32(2 * sub)) & I32(3)
            scale = d * F32(I32(low | (high << I32(4))) - I32(32))
            for i in range(16):
                q = src[b, 8 + 16 * sub + i]
                dst[b, 32 * sub + i] = scale * CODEBOOK[q & 15]
                dst[b, 32 * sub + 16 + i] = scale * CODEBOOK[q >> 4]


@inner
def signed(points, signs, scale):
    """scale * point * sign of 16 weights; negative if a weight's bit in the u16 `signs` is set."""
    minus = ((splat(I32(signs)) << splat(I32(1))) >> ramp()) & splat(I32(2))
    return numbers(points) * splat(scale) * (splat(F32(1)) - numbers(minus))


@inner
def even_signs(word, k):
    """Signs of groups 2 k and 2 k + 1, of four groups with seven stored signs, as 16 bits."""
    low = I32(EVEN_SIGNS[(word >> U32(14 * k)) & U32(127)])
    return low | (I32(EVEN_SIGNS[(word >> U32(14 * k + 7)) & U32(127)]) << I32(8))


@inner
def u16_at(block, at):
    return I32(I32(block[at]) | (I32(block[at + 1]) << I32(8)))


@inner
def nibble(block, at, k):
    """Nibble k of the bytes from `at`, the lower one of a byte first."""
    return I32((I32(block[at + k // 2]) >> I32(4 * (k % 2))) & I32(15))


@kernel
def decode_iq2_xxs(src, dst):
    """0 d | for each 32 weights: 4 grid rows u8, then u32 SSSS, four times 7 signs

    weight = (d (0.5 + S) / 4) point sign; a row for 8 weights.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for sub in range(8):
            word = word_at(block, 6 + 8 * sub)
            scale = d * (F32(0.5) + F32(U32(word >> U32(28)))) * F32(0.25)
            for k in range(2):
                at = 2 + 8 * sub + 2 * k
                points = two_rows(grids.IQ2_XXS, block[at], block[at + 1])
                weights = signed(points, even_signs(word, k), scale)
                store(dst, 256 * b + 32 * sub + 16 * k, weights)


@kernel
def decode_iq2_xs(src, dst):
    """0 d | 2 for each 8 weights u16: 7 signs, 9-bit grid row | 66 scale nibbles[8]

    weight = (d (0.5 + scale) / 4) point sign; a scale for 16 weights.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for k in range(16):
            scale = d * (F32(0.5) + F32(nibble(block, 66, k))) * F32(0.25)
            low, high = u16_at(block, 2 + 4 * k), u16_at(block, 4 + 4 * k)
            points = two_rows(grids.IQ2_XS, low & 511, high & 511)
            signs = I32(EVEN_SIGNS[low >> 9]) | (I32(EVEN_SIGNS[high >> 9]) << I32(8))
            store(dst, 256 * b + 16 * k, signed(points, signs, scale))


@kernel
def decode_iq2_s(src, dst):
    """0 d | 2 grid rows, low 8 bits[32] | 34 signs[32] | 66 upper 2 bits[8] | 74 scale nibbles[8]

    weight = (d (0.5 + scale) / 4) point sign; a row and a byte of signs for 8 weights, a scale
    for 16.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for k in range(16):
            scale = d * (F32(0.5) + F32(nibble(block, 74, k))) * F32(0.25)
            upper = nibble(block, 66, k)
            low = I32(block[2 + 2 * k]) | ((upper & 3) << 8)
            high = I32(block[3 + 2 * k]) | ((upper >> 2) << 8)
            points = two_rows(grids.IQ2_S, low, high)
            store(dst, 256 * b + 16 * k, signed(points, u16_at(block, 34 + 2 * k), scale))


@kernel
def decode_iq3_xxs(src, dst):
    """0 d | 2 grid rows[64] | 66 for each 32 weights u32: SSSS, four times 7 signs

    weight = (d (0.5 + S) / 2) point sign; a row for 4 weights.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for sub in range(8):
            word = word_at(block, 66 + 4 * sub)
            scale = d * (F32(0.5) + F32(U32(word >> U32(28)))) * F32(0.5)
            for k in range(2):
                at = 2 + 8 * sub + 4 * k
                rows = (block[at], block[at + 1], block[at + 2], block[at + 3])
                weights = signed(four_rows(grids.IQ3_XXS, *rows), even_signs(word, k), scale)
                store(dst, 256 * b + 32 * sub + 16 * k, weights)


@inner
def ninth_bit(byte, bits, k):
    """A row index: its low 8 bits, and bit k of `bits` above them."""
    return I32(byte) | (((bits >> k) & 1) << 8)


@kernel
def decode_iq3_s(src, dst):
    """0 d | 2 grid rows, low 8 bits[64] | 66 ninth bits[8] | 74 signs[32] | 106 scale nibbles[4]

    weight = (d (1 + 2 scale)) point sign; a row for 4 weights, a scale for 32.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for k in range(16):
            scale = d * F32(I32(1 + 2 * nibble(block, 106, k // 2)))
            ninth, at = nibble(block, 66, k), 2 + 4 * k
            points = four_rows(
                grids.IQ3_S,
                ninth_bit(block[at], ninth, 0),
                ninth_bit(block[at + 1], ninth, 1),
                ninth_bit(block[at + 2], ninth, 2),
                ninth_bit(block[at + 3], ninth, 3),
            )
            store(dst, 256 * b + 16 * k, signed(points, u16_at(block, 74 + 2 * k), scale))


@kernel
def decode_iq1_s(src, dst):
    """0 d | 2 grid rows, low 8 bits[32] | 34 for each 32 weights u16: M SSS, 4 times 3 upper bits

    weight = (d (2 S + 1)) (point + 1/8), or - 1/8 where M is set; a row for 8 weights.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for sub in range(8):
            word = u16_at(block, 34 + 2 * sub)
            scale = splat(d * F32(I32(2 * ((word >> 12) & 7) + 1)))
            move = splat(-DELTA if word & 0x8000 else DELTA)
            for k in range(2):
                at = 2 + 4 * sub + 2 * k
                low = I32(block[at]) | (((word >> (6 * k)) & 7) << 8)
                high = I32(block[at + 1]) | (((word >> (6 * k + 3)) & 7) << 8)
                points = numbers(two_rows(grids.IQ1, low, high))
                store(dst, 256 * b + 32 * sub + 16 * k, (points + move) * scale)


@inner
def moves(bits):
    """-1/8 in the first 8 lanes where bit 3 is set, in the last 8 where bit 7 is; else 1/8."""
    eighths = (splat(I32(bits)) >> ((ramp() >> splat(I32(3))) << splat(I32(2)))) & splat(I32(8))
    return splat(DELTA) - numbers(eighths) * splat(F32(2) * DELTA / F32(8))


@kernel
def decode_iq1_m(src, dst):
    """0 grid rows, low 8 bits[32] | 32 nibbles[32]: M, 3 upper bits | 48 scales u16[4]

    Scale word: DDDD SSS SSS SSS SSS, the lowest for the first of its four groups of 16 weights;
    the four D, first word lowest, are the half d.
    weight = (d (2 S + 1)) (point + 1/8), or - 1/8 where M is set; a row for 8 weights.
    """
    for b in range(dst.shape[0]):
        block = src[b]
        half = U32(block[49] >> 4) | (U32(block[51] >> 4) << U32(4))
        half |= (U32(block[53] >> 4) << U32(8)) | (U32(block[55] >> 4) << U32(12))
        d = f32_from_half(U32(half))
        for k in range(16):
            word = u16_at(block, 48 + k // 4 * 2)
            scale = splat(d * F32(I32(2 * ((word >> (3 * (k % 4))) & 7) + 1)))
            bits = I32(block[32 + k])
            low = I32(block[2 * k]) | ((bits & 7) << 8)
            high = I32(block[2 * k + 1]) | (((bits >> 4) & 7) << 8)
            points = numbers(two_rows(grids.IQ1, low, high))
            store(dst, 256 * b + 16 * k, (points + moves(bits)) * scale)
