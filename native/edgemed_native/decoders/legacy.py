"""Decoders of the simple types: blocks of 32 weights with one or two half-precision scales.

Contract of every kernel here: src u8[blocks, bytes] (read-only), dst f32[blocks, 32]; nothing is
checked. Layouts: ggml-common.h of llama.cpp.
"""

import numpy as np

from edgemed_native._jit import kernel
from edgemed_native.bits import half_at

F32 = np.float32
I8 = np.int8


@kernel
def decode_q8_0(src, dst):
    """d f16 | q i8[32]        weight = d q"""
    for b in range(dst.shape[0]):
        d = half_at(src[b], 0)
        for i in range(32):
            dst[b, i] = F32(I8(src[b, 2 + i])) * d
