"""Removing from one delta what lies in the leading row space of another.

The row space of a weight matrix is the directions of its input: a change orthogonal to it answers
to inputs that the other change does not use.
"""

import math

import numpy as np
from edgemed_native import subspace_kernels as kernels
from edgemed_native.delta_kernels import subtract_base
from edgemed_native.sum_kernels import add_squares

from edgemed.merging.spheres import dot
from edgemed.merging.stream import F32, F64, Stream

OVERSAMPLED = 8
ITERATIONS = 3


def leading_row_space(stream: Stream, rank: int) -> F64:
    """f64[rank, length]: orthonormal right singular vectors of the first delta, largest first.

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
    products = inner_products(basis, applied(stream, basis))
    kernels.rotate_to_eigenvectors(products, basis)
    order = sorted(range(wide), key=lambda j: -products[j, j])[:rank]
    return np.ascontiguousarray(basis[order])


def applied(stream: Stream, basis: F64) -> F64:
    """basis D^T D, D the first delta."""
    totals = np.zeros_like(basis)
    for _, x in stream.chunks():
        subtract_base(x.reshape(len(x), -1))
        kernels.add_row_space(x[1], basis, totals)
    return totals


def inner_products(a: F64, b: F64) -> F64:
    """a b^T made symmetric, summed exactly: no linear algebra library, whose order may vary."""
    k = len(a)
    found = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            found[i, j] = found[j, i] = dot(a[i], b[j])
    return found


def overlap(stream: Stream, basis: F64) -> tuple[float, float]:
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


def blend_apart(basis: F64, weight: tuple[float, ...], x: F32, first: int) -> None:
    """x_0 + w_1 d_1 + w_2 (d_2 without the space)."""
    subtract_base(x.reshape(len(x), -1))
    kernels.remove_row_space(x[2], basis, np.zeros(1))
    for i, w in enumerate(weight):
        x[0] += np.float32(w) * x[i + 1]
