"""Finds packed rows that hold NaN or infinity, by their scales, mostly without decoding.

A block holds NaN or infinity if one of its scales does (a few finite scales are so large that it
depends on the block's codes). So only the scales are checked, which are few, and rows with a
suspicious one are decoded. The result is the same as after decoding everything, for every type.

    byte offsets of the scales in a block        F16 unless said otherwise
    Q4_0 Q5_0 Q8_0 IQ* (but IQ1_M) Q1_0 Q2_0 0   Q2_K 80 82    Q3_K 108    Q6_K 208   TQ1_0 52
    Q4_1 Q5_1 Q8_1 Q4_K Q5_K 0 2                 IQ1_M: the high 4 bits of 4 words from 48
    MXFP4 0 (E8M0)   NVFP4: no scale is NaN      Q8_K 0 (F32)   TQ2_0 64
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgemed_native import mix
from edgemed_native.codecs import CODECS, decode_rows
from edgemed_native.ggml_types import BY_NAME

U8 = NDArray[np.uint8]
BOOLS = NDArray[np.bool_]

HALF_SCALES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Q4_0", "Q5_0", "Q8_0", "Q1_0", "Q2_0", "IQ4_NL", "IQ4_XS"), (0,)),
    **dict.fromkeys(("IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"), (0,)),
    **dict.fromkeys(("Q4_1", "Q5_1", "Q8_1", "Q4_K", "Q5_K"), (0, 2)),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q6_K": (208,),
    "TQ1_0": (52,),
    "TQ2_0": (64,),
}
EXPONENT = {"F16": np.uint16(0x7C00), "BF16": np.uint16(0x7F80)}
LARGEST_Q8_K = np.float32(2.0**120)
"""128 times as much is still a float32."""
LARGE_E8M0 = 250
"""From this scale on, 6 times the scale may be more than a float32 can hold."""


def first_not_finite(name: str, packed: U8) -> int | None:
    """The first row with NaN or infinity; None if there is none, or the type holds whole numbers.

    packed u8[rows, row bytes], C-contiguous, of ggml type `name`.
    """
    if not packed.size:
        return None
    if name == "F32":
        if np.isfinite(mix.peak(packed.view(np.float32))):
            return None
        return first(packed.view(np.float32))
    if name == "F64":
        return first(packed.view(np.float64))
    if CODECS[name].decoder is None:
        return None
    suspects = np.flatnonzero(suspicious(name, packed))
    return next((int(row) for row in suspects if not is_finite(name, packed[row])), None)


def first(rows: NDArray[np.floating[Any]]) -> int | None:
    """The first row that is not all finite."""
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    return int(bad[0]) if bad.size else None


def is_finite(name: str, row: U8) -> bool:
    """Whether one row decodes to finite numbers."""
    type_ = BY_NAME[name]
    x = np.empty((1, row.size // type_.nbytes * type_.block), np.float32)
    decode_rows(name, np.ascontiguousarray(row[None]), x)
    return bool(np.isfinite(x).all())


def suspicious(name: str, packed: U8) -> BOOLS:
    """Rows that may hold NaN or infinity, by their scales. bool[rows]"""
    rows = len(packed)
    if name in EXPONENT:
        mask = EXPONENT[name]
        words = packed.view(np.uint16)
        if int((words & mask).max()) < mask:
            return np.zeros(rows, np.bool_)
        return np.asarray(((words & mask) == mask).any(axis=1))
    blocks = packed.reshape(rows, -1, BY_NAME[name].nbytes)
    if name == "MXFP4":
        return np.asarray((blocks[:, :, 0] >= LARGE_E8M0).any(axis=1))
    if name == "NVFP4":
        return np.zeros(rows, np.bool_)
    if name == "Q8_K":
        scales = np.ascontiguousarray(blocks[:, :, :4]).view(np.float32)
        return np.asarray(~(np.abs(scales) <= LARGEST_Q8_K).all(axis=(1, 2)))
    if name == "IQ1_M":
        exponent = ((blocks[:, :, 55] & 0x70) == 0x70) & ((blocks[:, :, 53] & 0xC0) == 0xC0)
        return np.asarray(exponent.any(axis=1))
    high = np.zeros((rows, blocks.shape[1]), np.bool_)
    for offset in HALF_SCALES[name]:
        high |= (blocks[:, :, offset + 1] & 0x7C) == 0x7C
    return np.asarray(high.any(axis=1))
