"""Decoders of the types without blocks. Contract of every kernel here: src u8[rows, row bytes]
(little endian, read-only), dst f32[rows, n]; nothing is checked.
"""

import numpy as np

from edgemed_native._jit import kernel
from edgemed_native.bits import U32, f32_from_half

F32 = np.float32


def decode_f32(src, dst):
    """float32: a copy, which NumPy makes at memory speed."""
    dst.view(np.uint8)[...] = src


@kernel
def decode_f16(src, dst):
    """IEEE half."""
    for row in range(dst.shape[0]):
        for i in range(dst.shape[1]):
            dst[row, i] = f32_from_half(U32(src[row, 2 * i]) | (U32(src[row, 2 * i + 1]) << U32(8)))


@kernel
def decode_bf16(src, dst):
    """The upper half of a float32."""
    for row in range(dst.shape[0]):
        for i in range(dst.shape[1]):
            low, high = U32(src[row, 2 * i]), U32(src[row, 2 * i + 1])
            dst[row, i] = U32((low << U32(16)) | (high << U32(24))).view(F32)
