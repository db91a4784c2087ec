"""Half-precision, bfloat16 and byte helpers inside kernels: integer code only.

LLVM's half type needs a run-time symbol on CPUs without F16C, so halves are converted by their
bits; all of these give the same results with NUMBA_DISABLE_JIT=1. Constants and casts are wrapped
before any shift, because Numba widens mixed integer and float32 arithmetic.
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
def f32_from_half(h):
    """IEEE half bits (u32) -> float32: exact for every one of the 65,536 patterns.

    S EEEEE MMMMMMMMMM
    """
    sign, exponent, mantissa = (h & U32(0x8000)) << U32(16), (h >> U32(10)) & U32(31), h & U32(1023)
    if exponent == U32(0):
        value = F32(mantissa) * F32(2.0**-24)
        return -value if sign else value
    if exponent == U32(31):
        return U32(sign | U32(0x7F800000) | (mantissa << U32(13))).view(F32)
    return U32(sign | ((exponent + U32(112)) << U32(23)) | (mantissa << U32(13))).view(F32)


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
