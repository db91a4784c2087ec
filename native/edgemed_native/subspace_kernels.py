"""The leading row space of a streamed matrix by randomized subspace iteration, without LAPACK.

Halko, Martinsson, Tropp: Finding structure with randomness (SIAM Review 2011). Everything is added
row after row in float64, so the result depends neither on chunks nor on a linear algebra library.
"""

import math

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.philox import philox

F32 = np.float32
F64 = np.float64
U32 = np.uint32


@kernel
def random_signs(key, out):
    """Fill out f64[n, k] with +1 and -1 by counter."""
    for c in range(out.shape[0]):
        for j in range(out.shape[1]):
            word, _ = philox(U32(c), U32(j), key)
            out[c, j] = 1.0 if word & U32(1) else -1.0


@kernel
def add_row_space(d, basis, totals):
    """totals += d^T (d basis), row after row. d f32[rows, n]; basis, totals f64[n, k]."""
    inside = np.empty(basis.shape[1])
    for row in range(d.shape[0]):
        into(d[row], basis, inside)
        for c in range(d.shape[1]):
            x = F64(d[row, c])
            for j in range(inside.size):
                totals[c, j] += x * inside[j]


@inner
def into(row, basis, inside):
    """inside = row basis."""
    inside[:] = 0.0
    for c in range(row.size):
        x = F64(row[c])
        for j in range(inside.size):
            inside[j] += x * basis[c, j]


@kernel
def orthonormalize(basis):
    """Gram-Schmidt, twice; a column that depends on the ones before becomes zero. f64[n, k]."""
    n, k = basis.shape
    for j in range(k):
        before = math.sqrt(dot(basis[:, j], basis[:, j]))
        for _ in range(2):
            for i in range(j):
                along = dot(basis[:, i], basis[:, j])
                for c in range(n):
                    basis[c, j] -= along * basis[c, i]
        size = math.sqrt(dot(basis[:, j], basis[:, j]))
        scale = 1.0 / size if size > 1e-12 * before else 0.0
        for c in range(n):
            basis[c, j] *= scale


@inner
def dot(a, b):
    total = 0.0
    for c in range(a.size):
        total += a[c] * b[c]
    return total


@kernel
def rotate_to_eigenvectors(products, basis):
    """Turn `basis` f64[n, k] so that `products` f64[k, k] (symmetric) becomes diagonal: Jacobi."""
    k, n = products.shape[0], basis.shape[0]
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
                        a, b = basis[c, i], basis[c, j]
                        basis[c, i], basis[c, j] = cos * a + t * cos * b, cos * b - t * cos * a


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
    """d -= (d basis) basis^T, every row rounded to float32 once; removed[0] += the squares of what
    was taken away. d f32[rows, n]; basis f64[n, k]; removed f64[1]."""
    inside = np.empty(basis.shape[1])
    for row in range(d.shape[0]):
        into(d[row], basis, inside)
        removed[0] += dot(inside, inside)
        for c in range(d.shape[1]):
            along = 0.0
            for j in range(inside.size):
                along += inside[j] * basis[c, j]
            d[row, c] = F32(F64(d[row, c]) - along)


@kernel
def row_divergence(x, out):
    """out = per row the divergence sum p log(p / q), p = softmax(x[1]) + 1e-8, q of x[0] likewise.

    x f32[2, rows, n]; out f32[rows]. exp and log are the C library's.
    """
    for row in range(x.shape[1]):
        low, high = largest(x[0, row]), largest(x[1, row])
        a, b = 0.0, 0.0
        for c in range(x.shape[2]):
            a += math.exp(F64(x[0, row, c]) - low)
            b += math.exp(F64(x[1, row, c]) - high)
        total = 0.0
        for c in range(x.shape[2]):
            q = math.exp(F64(x[0, row, c]) - low) / a + 1e-8
            p = math.exp(F64(x[1, row, c]) - high) / b + 1e-8
            total += p * math.log(p / q)
        out[row] = F32(total)


@inner
def largest(row):
    found = F64(row[0])
    for c in range(row.size):
        found = max(found, F64(row[c]))
    return found
