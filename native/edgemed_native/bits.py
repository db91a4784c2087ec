"""Half-precision, bfloat16 and byte helpers inside kernels: integer code only.

LLVM's half type needs a run-time symbol on CPUs without F16C, so halves are converted bit by bit.
All of these give the same results with NUMBA_DISABLE_JIT=1. Constants and results are cast to their
type before any shift, because Numba widens mixed integer and float32 arithmetic.
"""

import numpy as np

from edgemed_native._jit import inner

F32 = np.float32
U8 = np.uint8
U16 = np.uint16
U32 = np.uint32
I32 = np.int32


@inner
def half_at(src, at):
    """IEEE half, little endian, at byte `at` of a u8 row -> float32."""
    return f32_from_half(U32(src[at]) | (U32(src[at + 1]) << U32(8)))


@inner
def word_at(src, at):
    """Four bytes, little endian, at byte `at` of a u8 row -> u32."""
    low = U32(src[at]) | (U32(src[at + 1]) << U32(8))
    return U32(low | (U32(src[at + 2]) << U32(16)) | (U32(src[at + 3]) << U32(24)))


@inner
def f32_from_half(h):
    """IEEE half bits (u32) -> float32: exact for every one of the 65,536 patterns. No branches.

    S EEEEE MMMMMMMMMM -> S EEEEEEEE MMMMMMMMMM0000000000000
    """
    a = U32(U32(h & U32(0x7FFF)) << U32(13))
    bits = U32(a + (U32(0x38000000) if a < U32(0x0F800000) else U32(0x70000000)))  # 112 or 224
    small = F32(U32(a + U32(0x38800000)).view(F32) - F32(2.0**-14)).view(U32)  # the FPU normalises
    bits = small if a < U32(0x00800000) else bits
    return U32(bits | U32(U32(h & U32(0x8000)) << U32(16))).view(F32)


@inner
def half_from_f32(x):
    """float32 -> IEEE half bits (u32), rounded to nearest even; NaN stays a (quiet) NaN."""
    b = F32(x).view(U32)
    sign, a = (b >> U32(16)) & U32(0x8000), b & U32(0x7FFFFFFF)
    if a >= U32(0x7F800000):  # infinity or NaN
        return sign | U32(0x7C00) | (U32(0x200) if a > U32(0x7F800000) else U32(0))
    if a >= U32(0x477FF000):  # rounds to infinity
        return sign | U32(0x7C00)
    if a < U32(0x38800000):  # subnormal half: adding 0.5 makes the FPU round for us
        return sign | (U32(F32(U32(a).view(F32) + F32(0.5)).view(U32)) - U32(0x3F000000))
    odd = (a >> U32(13)) & U32(1)
    return sign | ((a + U32(0xFFF) + odd - U32(0x38000000)) >> U32(13))


@inner
def put_half(dst, at, x):
    """Store float32 `x` as an IEEE half, little endian, at byte `at` of a u8 row."""
    h = half_from_f32(x)
    dst[at] = U8(h & U32(0xFF))
    dst[at + 1] = U8(h >> U32(8))
