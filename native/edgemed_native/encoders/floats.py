"""Encoders of the types without blocks.

Contract of every kernel here: src f32[rows, n] (read-only), dst u8[rows, row bytes] (little
endian); nothing is checked. Numbers beyond the range of float16 become infinite.
"""

import numpy as np

from edgemed_native._jit import kernel
from edgemed_native.bits import U32, half_from_f32

F32 = np.float32
U8 = np.uint8


def encode_f32(src, dst):
    """float32: a copy, which NumPy makes at memory speed."""
    dst[...] = src.view(U8)


@kernel
def encode_f16(src, dst):
    """IEEE half, rounded to nearest even."""
    for row in range(src.shape[0]):
        for i in range(src.shape[1]):
            h = half_from_f32(src[row, i])
            dst[row, 2 * i] = U8(h & U32(0xFF))
            dst[row, 2 * i + 1] = U8(h >> U32(8))


@kernel
def encode_bf16(src, dst):
    """The upper half of a float32, rounded to nearest even; NaN stays a (quiet) NaN."""
    for row in range(src.shape[0]):
        for i in range(src.shape[1]):
            bits = F32(src[row, i]).view(U32)
            if (bits & U32(0x7FFFFFFF)) > U32(0x7F800000):
                upper = (bits >> U32(16)) | U32(64)
            else:
                upper = (bits + U32(0x7FFF) + ((bits >> U32(16)) & U32(1))) >> U32(16)
            dst[row, 2 * i] = U8(upper & U32(0xFF))
            dst[row, 2 * i + 1] = U8(upper >> U32(8))
