"""Removes from one delta what lies in the leading row space of another.

The row space of a weight matrix is a set of directions of its input: a change orthogonal to it acts
on inputs that the other change does not use.
"""

import math

import numpy as np
from edgemed_native import mix
from edgemed_native import subspace_kernels as kernels
from edgemed_native.delta_kernels import subtract_base
from edgemed_native.sum_kernels import add_squares

from edgemed.merging.methods.stream import F32, F64, Stream

OVERSAMPLED = 8
ITERATIONS = 3


def leading_row_space(stream: Stream, rank: int) -> F32:
    """f32[rank, length]: orthonormal right singular vectors of the first delta, largest first.

    Randomized subspace iteration (Halko, Martinsson, Tropp 2011) with 8 further vectors: three
    passes over the tensor and one to order the vectors by their singular values.
    """
    wide = min(rank + OVERSAMPLED, stream.length)
    basis = np.empty((wide, stream.length))
    kernels.random_signs(stream.key(0), basis)
    kernels.orthonormalize(basis)
    for _ in range(ITERATIONS):
        basis = applied(stream, basis)
        kernels.orthonormalize(basis)
    products, vectors = np.empty((wide, wide)), np.eye(wide)
    kernels.inner_products(basis, applied(stream, basis), products)
    kernels.rotate_to_eigenvectors(products, vectors)
    order = sorted(range(wide), key=lambda j: -products[j, j])[:rank]
    leading = np.empty((len(order), stream.length))
    kernels.combine(np.ascontiguousarray(vectors[order]), basis, leading)
    return in_pairs(leading)


def in_pairs(basis: F64) -> F32:
    """The basis as kernels take it: float32, rows even in number, the last zero if need be."""
    pairs = np.zeros((len(basis) + len(basis) % 2, basis.shape[1]), np.float32)
    pairs[: len(basis)] = basis
    return pairs


def applied(stream: Stream, basis: F64) -> F64:
    """basis D^T D, D the first delta."""
    narrow = in_pairs(basis)
    totals = np.zeros_like(narrow)
    for _, x in stream.chunks():
        subtract_base(x.reshape(len(x), -1))
        kernels.add_row_space(x[1], narrow, totals)
    return totals[: len(basis)].astype(np.float64)


def overlap(stream: Stream, basis: F32) -> tuple[float, float]:
    """The part of the second delta's length that lies in the space, before and after removal."""
    inside, total, inside_still, rest = (np.zeros(1) for _ in range(4))
    for _, x in stream.chunks():
        subtract_base(x.reshape(len(x), -1))
        add_squares(x[2:], total)
        kernels.remove_row_space(x[2], basis, inside)
        add_squares(x[2:], rest)
        kernels.remove_row_space(x[2], basis, inside_still)
    return part(inside, total), part(inside_still, rest)


def part(inside: F64, total: F64) -> float:
    """The ratio of lengths, from sums of squares f64[1]."""
    return math.sqrt(float(inside[0] / total[0])) if total[0] > 0.0 else 0.0


def blend_apart(basis: F32, weight: tuple[float, ...], x: F32, first: int) -> None:
    """x_0 + w_1 d_1 + w_2 (d_2 without the space)."""
    subtract_base(x.reshape(len(x), -1))
    kernels.remove_row_space(x[2], basis, np.zeros(1))
    for i, w in enumerate(weight):
        mix.weighted(x[0], x[i + 1], 1.0, w, x[0])
