"""Mixing one number at a time: the slow, exact twin of edgemed_native.mix."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def weighted(a: F32, b: F32, wa: float, wb: float) -> F32:
    """wa a + wb b with each product and the sum rounded to float32."""
    wa32, wb32 = np.float32(wa), np.float32(wb)
    pairs = zip(a.ravel(), b.ravel(), strict=True)
    mixed = [np.float32(np.float32(wa32 * x) + np.float32(wb32 * y)) for x, y in pairs]
    return np.array(mixed, np.float32).reshape(a.shape)


def dot(a: F32, b: F32) -> float:
    """The sum of products of one row, exact until the one rounding to float64."""
    exact = sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True))
    return float(exact)
