"""Encoder of Q8_0: blocks of 32 weights, bit for bit the same as ggml's reference.

    byte  0      2                 weight = d * q, d = max|x| / 127
          d f16  32 codes i8

Contract: src f32[blocks, 32] (read-only), dst u8[blocks, 34]; nothing is checked. With weights
beyond about 8.3e6, d is infinite.
"""

import numpy as np

from edgemed_native._jit import kernel
from edgemed_native.bits import put_half

F32 = np.float32
I32 = np.int32
U8 = np.uint8

ALMOST_HALF = np.nextafter(F32(0.5), F32(0))
"""Adding this before cutting off the fraction rounds to nearest, halves away from zero."""


@kernel
def encode_q8_0(src, dst):
    for b in range(src.shape[0]):
        peak = F32(0)
        for i in range(32):
            peak = max(peak, abs(src[b, i]))
        d = peak / F32(127)
        inverse = F32(1) / d if d > F32(2.0**-127) else F32(0)  # below, 1/d is infinite
        put_half(dst[b], 0, d)
        for i in range(32):
            scaled = src[b, i] * inverse
            size = I32(abs(scaled) + ALMOST_HALF)
            dst[b, 2 + i] = U8((-size if scaled < F32(0) else size) & 0xFF)
