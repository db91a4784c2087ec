"""Decoders of the IQ types: codebooks of 16 values, and grids of 4 or 8 weights with signs apart.

Contract of every kernel here: src u8[blocks, bytes] (read-only), dst f32[blocks, weights]; nothing
is checked. Scales d are f16; halves and words are little endian.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import U32, f32_from_half, half_at, word_at
from edgemed_native.decoders import grids

F32 = np.float32
I32 = np.int32

CODEBOOK = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], F32
)
"""The 16 values of IQ4_NL and IQ4_XS (ggml-common.h)."""

SIGNS = 1 - 2 * (np.arange(256)[:, None] >> np.arange(8) & 1).astype(F32)
"""f32[256, 8]: -1 where the bit is set."""

EVEN_SIGNS = SIGNS[np.arange(128) | (SIGNS[:128].prod(axis=1) < 0) * 128]
"""f32[128, 8]: seven signs are stored; the eighth makes the number of minuses even."""

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
def put(dst, b, first, scale, points, signs):
    """Weights first .. of block b = scale point sign, for all points of one grid row."""
    for j in range(points.size):
        dst[b, first + j] = scale * F32(points[j]) * signs[j]


@kernel
def decode_iq2_xxs(src, dst):
    """0 d | for each 32 weights: 4 grid rows u8, then u32 SSSS, four times 7 signs

    weight = (d (0.5 + S) / 4) point sign
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for sub in range(8):
            word = word_at(block, 6 + 8 * sub)
            scale = d * (F32(0.5) + F32(U32(word >> U32(28)))) * F32(0.25)
            for k in range(4):
                points = grids.IQ2_XXS[block[2 + 8 * sub + k]]
                signs = EVEN_SIGNS[(word >> U32(7 * k)) & U32(127)]
                put(dst, b, 32 * sub + 8 * k, scale, points, signs)


@kernel
def decode_iq2_xs(src, dst):
    """0 d | 2 for each 8 weights u16: 7 signs, 9-bit grid row | 66 scale nibbles[8], one for 16 weights

    weight = (d (0.5 + scale) / 4) point sign
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for k in range(32):
            nibble = (I32(block[66 + k // 4]) >> I32(4 * (k // 2 % 2))) & I32(15)
            scale = d * (F32(0.5) + F32(I32(nibble))) * F32(0.25)
            row = I32(block[2 + 2 * k]) | ((I32(block[3 + 2 * k]) & I32(1)) << I32(8))
            signs = EVEN_SIGNS[block[3 + 2 * k] >> 1]
            put(dst, b, 8 * k, scale, grids.IQ2_XS[row], signs)


@kernel
def decode_iq2_s(src, dst):
    """0 d | 2 grid rows, low 8 bits[32] | 34 signs[32] | 66 upper 2 bits[8] | 74 scale nibbles[8]

    weight = (d (0.5 + scale) / 4) point sign; a row and a byte of signs for 8 weights, a scale for 16.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for k in range(32):
            nibble = (I32(block[74 + k // 4]) >> I32(4 * (k // 2 % 2))) & I32(15)
            scale = d * (F32(0.5) + F32(I32(nibble))) * F32(0.25)
            upper = (I32(block[66 + k // 4]) >> I32(2 * (k % 4))) & I32(3)
            row = I32(block[2 + k]) | (upper << I32(8))
            put(dst, b, 8 * k, scale, grids.IQ2_S[row], SIGNS[block[34 + k]])


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
            for k in range(4):
                at, to = 2 + 8 * sub + 2 * k, 32 * sub + 8 * k
                signs = EVEN_SIGNS[(word >> U32(7 * k)) & U32(127)]
                put(dst, b, to, scale, grids.IQ3_XXS[block[at]], signs[:4])
                put(dst, b, to + 4, scale, grids.IQ3_XXS[block[at + 1]], signs[4:])


@kernel
def decode_iq3_s(src, dst):
    """0 d | 2 grid rows, low 8 bits[64] | 66 ninth bits[8] | 74 signs[32] | 106 scale nibbles[4]

    weight = (d (1 + 2 scale)) point sign; a row for 4 weights, a scale for 32.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for k in range(32):
            nibble = (I32(block[106 + k // 8]) >> I32(4 * (k // 4 % 2))) & I32(15)
            scale = d * F32(I32(1 + 2 * nibble))
            ninth = I32(block[66 + k // 4]) >> I32(2 * (k % 4))
            signs = SIGNS[block[74 + k]]
            row = I32(block[2 + 2 * k]) | ((ninth & I32(1)) << I32(8))
            put(dst, b, 8 * k, scale, grids.IQ3_S[row], signs[:4])
            row = I32(block[3 + 2 * k]) | ((ninth & I32(2)) << I32(7))
            put(dst, b, 8 * k + 4, scale, grids.IQ3_S[row], signs[4:])


@inner
def put_moved(dst, b, first, scale, points, move):
    """Weights first .. of block b = scale (point + move), for all points of one grid row."""
    for j in range(points.size):
        dst[b, first + j] = scale * (F32(points[j]) + move)


@kernel
def decode_iq1_s(src, dst):
    """0 d | 2 grid rows, low 8 bits[32] | 34 for each 32 weights u16: M, SSS, four times 3 upper bits

    weight = (d (2 S + 1)) (point + 1/8), or - 1/8 where M is set; a row for 8 weights.
    """
    for b in range(dst.shape[0]):
        block, d = src[b], half_at(src[b], 0)
        for sub in range(8):
            word = I32(block[34 + 2 * sub]) | (I32(block[35 + 2 * sub]) << I32(8))
            scale = d * F32(I32(2 * ((word >> 12) & 7) + 1))
            move = -DELTA if word & 0x8000 else DELTA
            for k in range(4):
                row = I32(block[2 + 4 * sub + k]) | (((word >> (3 * k)) & 7) << 8)
                put_moved(dst, b, 32 * sub + 8 * k, scale, grids.IQ1[row], move)


@kernel
def decode_iq1_m(src, dst):
    """0 grid rows, low 8 bits[32] | 32 nibbles[32]: M, 3 upper bits | 48 scales u16[4]

    Scale word: DDDD SSS SSS SSS SSS, the lowest for the first of its four groups of 16 weights; the
    four D, first word lowest, are the half d. weight = (d (2 S + 1)) (point + 1/8), or - 1/8 where M is
    set; a row for 8 weights.
    """
    for b in range(dst.shape[0]):
        block = src[b]
        half = U32(block[49] >> 4) | (U32(block[51] >> 4) << U32(4))
        half |= (U32(block[53] >> 4) << U32(8)) | (U32(block[55] >> 4) << U32(12))
        d = f32_from_half(U32(half))
        for k in range(32):
            word = I32(block[48 + k // 8 * 2]) | (I32(block[49 + k // 8 * 2]) << I32(8))
            scale = d * F32(I32(2 * ((word >> (3 * (k // 2 % 4))) & 7) + 1))
            nibble = (I32(block[32 + k // 2]) >> (4 * (k % 2))) & 15
            move = -DELTA if nibble & 8 else DELTA
            row = I32(block[k]) | ((nibble & 7) << 8)
            put_moved(dst, b, 8 * k, scale, grids.IQ1[row], move)
