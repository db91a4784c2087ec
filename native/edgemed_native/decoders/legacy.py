"""Decoders of the simple types: one or two scales for a block of 32 weights (256 in Q8_K).

Contract of every kernel here: src u8[blocks, bytes] (read-only), dst f32[blocks, weights]; nothing
is checked. f16 scales and words are little endian. Where a byte holds two codes, the low nibbles
are the first 16 weights and the high ones the last 16.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.bits import U32, half_at, word_at
from edgemed_native.lanes import load_bytes, load_signed_bytes, numbers, ramp, splat, store

F32 = np.float32
I32 = np.int32


@kernel
def decode_q4_0(src, dst):
    """0 d | 2 q[16]        weight = d (q - 8)"""
    for b in range(dst.shape[0]):
        d, eight = splat(half_at(src[b], 0)), splat(F32(8))
        q = load_bytes(src, 18 * b + 2)
        store(dst, 32 * b, (numbers(q & splat(I32(15))) - eight) * d)
        store(dst, 32 * b + 16, (numbers(q >> splat(I32(4))) - eight) * d)


@kernel
def decode_q4_1(src, dst):
    """0 d | 2 m | 4 q[16]        weight = d q + m"""
    for b in range(dst.shape[0]):
        d, m = splat(half_at(src[b], 0)), splat(half_at(src[b], 2))
        q = load_bytes(src, 20 * b + 4)
        store(dst, 32 * b, numbers(q & splat(I32(15))) * d + m)
        store(dst, 32 * b + 16, numbers(q >> splat(I32(4))) * d + m)


@inner
def fifth_bits(word, first):
    """Bits first .. first + 15 of a word as integer lanes 0 or 16."""
    bits = splat(I32(word >> first)) >> ramp()
    return (bits & splat(I32(1))) << splat(I32(4))


@kernel
def decode_q5_0(src, dst):
    """0 d | 2 fifth bits u32 | 6 q[16]        weight = d (q - 16)"""
    for b in range(dst.shape[0]):
        d, sixteen = splat(half_at(src[b], 0)), splat(F32(16))
        high, q = word_at(src[b], 2), load_bytes(src, 22 * b + 6)
        low_q = (q & splat(I32(15))) | fifth_bits(high, np.uint32(0))
        high_q = (q >> splat(I32(4))) | fifth_bits(high, np.uint32(16))
        store(dst, 32 * b, (numbers(low_q) - sixteen) * d)
        store(dst, 32 * b + 16, (numbers(high_q) - sixteen) * d)


@kernel
def decode_q5_1(src, dst):
    """0 d | 2 m | 4 fifth bits u32 | 8 q[16]        weight = d q + m"""
    for b in range(dst.shape[0]):
        d, m = splat(half_at(src[b], 0)), splat(half_at(src[b], 2))
        high, q = word_at(src[b], 4), load_bytes(src, 24 * b + 8)
        low_q = (q & splat(I32(15))) | fifth_bits(high, np.uint32(0))
        high_q = (q >> splat(I32(4))) | fifth_bits(high, np.uint32(16))
        store(dst, 32 * b, numbers(low_q) * d + m)
        store(dst, 32 * b + 16, numbers(high_q) * d + m)


@kernel
def decode_q8_0(src, dst):
    """0 d | 2 q i8[32]        weight = d q"""
    for b in range(dst.shape[0]):
        d = splat(half_at(src[b], 0))
        store(dst, 32 * b, numbers(load_signed_bytes(src, 34 * b + 2)) * d)
        store(dst, 32 * b + 16, numbers(load_signed_bytes(src, 34 * b + 18)) * d)


@kernel
def decode_q8_1(src, dst):
    """0 d | 2 d * sum(q) | 4 q i8[32]        weight = d q; a type of intermediate results"""
    for b in range(dst.shape[0]):
        d = splat(half_at(src[b], 0))
        store(dst, 32 * b, numbers(load_signed_bytes(src, 36 * b + 4)) * d)
        store(dst, 32 * b + 16, numbers(load_signed_bytes(src, 36 * b + 20)) * d)


@kernel
def decode_q8_k(src, dst):
    """0 d f32 | 4 q i8[256] | 260 sums i16[16]     weight = d q; a type of intermediate results"""
    for b in range(dst.shape[0]):
        d = splat(U32(word_at(src[b], 0)).view(F32))
        for i in range(0, 256, 16):
            store(dst, 256 * b + i, numbers(load_signed_bytes(src, 292 * b + 4 + i)) * d)
