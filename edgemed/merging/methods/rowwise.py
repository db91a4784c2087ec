"""Mixing that differs from row to row, column to column or element to element; all in place.

Functions for a Mix take x f32[sources, rows, length] and the first row last, and leave the result
in x[0].
"""

import numpy as np
from edgemed_native import delta_kernels, mix
from numpy.typing import NDArray

from edgemed.merging.methods import spheres
from edgemed.merging.methods.select import INFINITE_BITS, Border
from edgemed.merging.methods.stream import F32, F64


def vectors(x: F32, based: bool) -> F32:
    """The two models, or their deltas (in place) where x[0] is the base."""
    if based:
        delta_kernels.subtract_base(x.reshape(len(x), -1))
    return x[1:] if based else x


def circle_factors(t: float, sums: F64) -> F32:
    """f32[2, vectors] from f64[3, vectors] of a.a, a.b and b.b: factors on each great circle."""
    factors = [spheres.on_circle(t, aa, ab, bb, None) for aa, ab, bb in sums.T.tolist()]
    return np.ascontiguousarray(np.array(factors, np.float32).T)


def great_circles(t: float, based: bool, x: F32, first: int) -> None:
    """Every row on the great circle between the two models' rows (or deltas)."""
    pair = vectors(x, based)
    dots = mix.dot_norms(pair[0], pair[1])
    factors = circle_factors(t, dots[:, [1, 0, 2]].T)
    scaled_sum(x, pair, factors[:, :, None])


def scale_columns(factors: F32, based: bool, x: F32, first: int) -> None:
    """Every column times its factors. factors f32[2, length]."""
    scaled_sum(x, vectors(x, based), factors[:, None, :])


def scaled_sum(x: F32, pair: F32, factors: F32) -> None:
    """factors[0] pair[0] + factors[1] pair[1], plus the base if x has one more source."""
    np.multiply(pair, factors, out=pair)
    pair[0] += pair[1]
    if len(x) > len(pair):
        x[0] += pair[0]


def stock_rows(x: F32, first: int) -> None:
    """Model Stock row by row: t (mean - base) + base, t from the cosines of the row's deltas."""
    delta_kernels.subtract_base(x.reshape(len(x), -1))
    n = len(x) - 1
    grams = np.empty((x.shape[1], n, n))
    for i in range(n):
        for j in range(i, n):
            grams[:, i, j] = grams[:, j, i] = mix.dot_norms(x[i + 1], x[j + 1])[:, 0]
    factors = (spheres.stock_ratio(grams) / n).astype(np.float32)[:, None]
    for i in range(1, n):
        x[1] += x[i + 1]
    np.multiply(x[1], factors, out=x[1])
    x[0] += x[1]


def near_swap(t: float, x: F32, first: int) -> None:
    """See `methods.nearswap`."""
    delta_kernels.near_swap(x[0].reshape(-1), x[1].reshape(-1), np.float32(t))


def unique_and_shared(epsilon: float, factors: F32, x: F32, first: int) -> None:
    """See `methods.ram`. factors f32[models]."""
    flat = x.reshape(len(x), -1)
    delta_kernels.subtract_base(flat)
    delta_kernels.unique_and_shared(flat, np.float32(epsilon), factors)


def variances(x: F32, first: int) -> F32:
    """f32[1, elements]: the variance of the deltas, which overwrites the base."""
    flat = x.reshape(len(x), -1)
    delta_kernels.variance(flat, flat[0])
    return flat[:1]


def keep_varied(least: Border | None, x: F32, first: int) -> None:
    """x[1:] become deltas, zero where they vary less than `least`, or, from its index on, as much
    (None: all are kept)."""
    flat = x.reshape(len(x), -1)
    if least is None:
        delta_kernels.subtract_base(flat)
        return
    before = min(max(least.place - first * x.shape[2], 0), flat.shape[1])
    bits = np.array([least.bits, least.bits + 1], np.uint32).view(np.float32)
    if least.bits == INFINITE_BITS:
        bits[:] = np.inf
    delta_kernels.keep_varied(flat, before, bits[0], bits[1])


def elect_varied(least: Border | None, weight: NDArray[np.float32], x: F32, first: int) -> None:
    """Add the selected elements whose deltas have the elected sign. weight f32[models].

    The sign is elected by the plain sum of deltas, the weights only average (SCE).
    """
    keep_varied(least, x, first)
    votes = np.ones_like(weight)
    delta_kernels.elect(x.reshape(len(x), -1), votes, weight, True, np.float32(1.0))
