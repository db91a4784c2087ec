"""The leading row space of a streamed matrix by randomized subspace iteration, without LAPACK.

Halko, Martinsson, Tropp: Finding structure with randomness (SIAM Review 2011). Everything is added
row after row in float64, so the result depends neither on chunks nor on a linear algebra library.
"""

import math

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.mix_kernels import LANES, add_products, in_order
from edgemed_native.philox import philox

F32 = np.float32
F64 = np.float64
U32 = np.uint32
U64 = np.uint64


@kernel
def random_signs(key, out):
    """Fill out f64[k, n] with +1 and -1 by counter."""
    for j in range(out.shape[0]):
        for c in range(out.shape[1]):
            word, _ = philox(U32(c), U32(j), key)
            out[j, c] = 1.0 if word & U64(1) else -1.0


@kernel
def add_row_space(d, basis, totals):
    """totals += (d basis^T)^T d, row after row. d f32[rows, n]; basis, totals f64[k, n]."""
    inside, row64 = np.empty(basis.shape[0]), np.empty(d.shape[1])
    for row in range(d.shape[0]):
        row64[:] = d[row]
        into(row64, basis, inside)
        for j in range(inside.size):
            add_scaled(totals[j], row64, inside[j])


@inner
def into(row, basis, inside):
    """inside = row basis^T."""
    for j in range(inside.size):
        inside[j] = dot(row, basis[j])


@inner
def dot(a, b):
    """The product of two vectors, by 64 partial sums that are added in order."""
    partials = np.zeros(LANES)
    whole = a.size // LANES * LANES
    for first in range(0, whole, LANES):
        add_products(a[first : first + LANES], b[first : first + LANES], partials)
    for lane in range(a.size - whole):
        partials[lane] += a[whole + lane] * b[whole + lane]
    return in_order(partials)


@inner
def add_scaled(out, row, factor):
    for c in range(row.size):
        out[c] += factor * row[c]


@kernel
def orthonormalize(basis):
    """Gram-Schmidt, twice; a row that depends on the ones before becomes zero. f64[k, n]."""
    for j in range(basis.shape[0]):
        before = math.sqrt(dot(basis[j], basis[j]))
        for _ in range(2):
            for i in range(j):
                add_scaled(basis[j], basis[i], -dot(basis[i], basis[j]))
        size = math.sqrt(dot(basis[j], basis[j]))
        scale = 1.0 / size if size > 1e-12 * before else 0.0
        for c in range(basis.shape[1]):
            basis[j, c] *= scale


@kernel
def rotate_to_eigenvectors(products, basis):
    """Turn `basis` f64[k, n] so that `products` f64[k, k] (symmetric) becomes diagonal: Jacobi."""
    k, n = basis.shape
    for _ in range(30):
        off = 0.0
        for i in range(k):
            for j in range(i):
                off += abs(products[i, j])
        if off == 0.0:
            break
        for i in range(k):
            for j in range(i):
                if products[i, j] != 0.0:
                    gap = (products[i, i] - products[j, j]) / (2.0 * products[i, j])
                    t = (1.0 if gap >= 0.0 else -1.0) / (abs(gap) + math.sqrt(gap * gap + 1.0))
                    cos = 1.0 / math.sqrt(t * t + 1.0)
                    rotate(products, i, j, cos, t * cos)
                    for c in range(n):
                        a, b = basis[i, c], basis[j, c]
                        basis[i, c], basis[j, c] = cos * a + t * cos * b, cos * b - t * cos * a


@inner
def rotate(m, i, j, cos, sin):
    for c in range(m.shape[0]):
        a, b = m[c, i], m[c, j]
        m[c, i], m[c, j] = cos * a + sin * b, cos * b - sin * a
    for c in range(m.shape[0]):
        a, b = m[i, c], m[j, c]
        m[i, c], m[j, c] = cos * a + sin * b, cos * b - sin * a


@kernel
def remove_row_space(d, basis, removed):
    """d -= (d basis^T) basis, every row rounded to float32 once; removed[0] += the squares of what
    was taken away. d f32[rows, n]; basis f64[k, n]; removed f64[1]."""
    inside, row64 = np.empty(basis.shape[0]), np.empty(d.shape[1])
    for row in range(d.shape[0]):
        row64[:] = d[row]
        into(row64, basis, inside)
        for j in range(inside.size):
            removed[0] += inside[j] * inside[j]
            add_scaled(row64, basis[j], -inside[j])
        d[row] = row64
