"""Encoder of Q8_0. Contract: src f32[blocks, 32] (read-only), dst u8[blocks, 34]; nothing is checked."""

import numpy as np

from edgemed_native._jit import kernel
from edgemed_native.bits import put_half

F32 = np.float32
U8 = np.uint8


@kernel
def encode_q8_0(src, dst):
    """d f16 | q i8[32]     d = max|x| / 127, q = x / d rounded half away from zero, as ggml does."""
    for b in range(src.shape[0]):
        peak = F32(0)
        for i in range(32):
            peak = max(peak, abs(src[b, i]))
        d = peak / F32(127)
        inverse = F32(1) / d if d > F32(0) else F32(0)
        put_half(dst[b], 0, d)
        for i in range(32):
            scaled = src[b, i] * inverse
            rounded = np.floor(abs(scaled) + F32(0.5))
            dst[b, 2 + i] = U8(np.int32(-rounded if scaled < F32(0) else rounded) & 0xFF)
