"""The leading row space of a streamed matrix by randomized subspace iteration, without LAPACK.

Halko, Martinsson, Tropp: Finding structure with randomness (SIAM Review 2011). Passes over a tensor
are in float32, four rows at a time; the order of each sum depends only on rows and columns. Bases
are made orthonormal in float64. So the result depends neither on chunks nor on a linear algebra
library.
"""

import math

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.lanes import LANES, fma, load, splat, store
from edgemed_native.mix_kernels import LANES as PARTIALS
from edgemed_native.mix_kernels import add_products, in_order
from edgemed_native.philox import philox

F32 = np.float32
F64 = np.float64
U32 = np.uint32
U64 = np.uint64
FOUR = 4


@kernel
def random_signs(key, out):
    """Fill out f64[k, n] with +1 and -1 by counter."""
    for j in range(out.shape[0]):
        for c in range(out.shape[1]):
            word, _ = philox(U32(c), U32(j), key)
            out[j, c] = 1.0 if word & U64(1) else -1.0


@kernel
def add_row_space(d, basis, totals):
    """totals += (d basis^T)^T d, row after row. d f32[rows, n]; basis, totals f32[k, n], k even."""
    rows, (k, n) = d.shape[0], basis.shape
    inside, sums = np.empty((FOUR, k), F32), np.empty((2 * FOUR, LANES), F32)
    whole = n // LANES * LANES
    for first in range(0, rows, FOUR):
        into(d, first, basis, inside, sums)
        inside[rows - first :] = F32(0.0)
        for j in range(0, k, 2):
            for c in range(0, whole, LANES):
                a, b = load(totals, j * n + c), load(totals, (j + 1) * n + c)
                for r in range(FOUR):
                    x = load(d, min(first + r, rows - 1) * n + c)
                    a = fma(splat(inside[r, j]), x, a)
                    b = fma(splat(inside[r, j + 1]), x, b)
                store(totals, j * n + c, a)
                store(totals, (j + 1) * n + c, b)
        for j in range(k):
            for r in range(min(FOUR, rows - first)):
                add_scaled32(totals[j, whole:], d[first + r, whole:], inside[r, j])


@kernel
def remove_row_space(d, basis, removed):
    """d -= (d basis^T) basis, in float32; removed[0] += the sum of squares of what was subtracted.

    d f32[rows, n]; basis f32[k, n], k even; removed f64[1].
    """
    rows, (k, n) = d.shape[0], basis.shape
    inside, sums = np.empty((FOUR, k), F32), np.empty((2 * FOUR, LANES), F32)
    whole = n // LANES * LANES
    for first in range(0, rows, FOUR):
        into(d, first, basis, inside, sums)
        for r in range(min(FOUR, rows - first)):
            for j in range(k):
                removed[0] += F64(inside[r, j]) * F64(inside[r, j])
        at = min(first + 1, rows - 1), min(first + 2, rows - 1), min(first + 3, rows - 1)
        for c in range(0, whole, LANES):
            w, x = load(d, first * n + c), load(d, at[0] * n + c)
            y, z = load(d, at[1] * n + c), load(d, at[2] * n + c)
            for j in range(k):
                b = load(basis, j * n + c)
                w = fma(splat(F32(-inside[0, j])), b, w)
                x = fma(splat(F32(-inside[1, j])), b, x)
                y = fma(splat(F32(-inside[2, j])), b, y)
                z = fma(splat(F32(-inside[3, j])), b, z)
            store(d, first * n + c, w)
            store(d, at[0] * n + c, x)
            store(d, at[1] * n + c, y)
            store(d, at[2] * n + c, z)
        for r in range(min(FOUR, rows - first)):
            for j in range(k):
                add_scaled32(d[first + r, whole:], basis[j, whole:], F32(-inside[r, j]))


@inner
def into(d, first, basis, inside, sums):
    """inside = rows `first` to `first + 4` of d times basis^T; past the end the last row repeats.

    Each product has 16 partial sums; a column alone decides to which one it is added.
    """
    rows, (k, n) = d.shape[0], basis.shape
    whole = n // LANES * LANES
    at = min(first + 1, rows - 1), min(first + 2, rows - 1), min(first + 3, rows - 1)
    for j in range(0, k, 2):
        nothing = splat(F32(0.0))
        w0, w1, x0, x1 = nothing, nothing, nothing, nothing
        y0, y1, z0, z1 = nothing, nothing, nothing, nothing
        for c in range(0, whole, LANES):
            a, b = load(basis, j * n + c), load(basis, (j + 1) * n + c)
            row = load(d, first * n + c)
            w0, w1 = fma(row, a, w0), fma(row, b, w1)
            row = load(d, at[0] * n + c)
            x0, x1 = fma(row, a, x0), fma(row, b, x1)
            row = load(d, at[1] * n + c)
            y0, y1 = fma(row, a, y0), fma(row, b, y1)
            row = load(d, at[2] * n + c)
            z0, z1 = fma(row, a, z0), fma(row, b, z1)
        store(sums, 0 * LANES, w0)
        store(sums, 1 * LANES, w1)
        store(sums, 2 * LANES, x0)
        store(sums, 3 * LANES, x1)
        store(sums, 4 * LANES, y0)
        store(sums, 5 * LANES, y1)
        store(sums, 6 * LANES, z0)
        store(sums, 7 * LANES, z1)
        for i in range(2 * FOUR):
            row = min(first + i // 2, rows - 1)
            inside[i // 2, j + i % 2] = total_of(sums[i], d[row, whole:], basis[j + i % 2, whole:])


@inner
def total_of(sums, a, b):
    """The partial sums added in order, and the products of columns that fill no whole vector."""
    total = F32(0.0)
    for lane in range(sums.size):
        total = F32(total + sums[lane])
    for c in range(a.size):
        total = F32(total + F32(a[c] * b[c]))
    return total


@inner
def add_scaled32(out, row, factor):
    for c in range(row.size):
        out[c] = F32(out[c] + F32(factor * row[c]))


@inner
def dot(a, b):
    """The dot product of two float64 vectors, by 64 partial sums that are added in order."""
    partials = np.zeros(PARTIALS)
    whole = a.size // PARTIALS * PARTIALS
    for first in range(0, whole, PARTIALS):
        add_products(a[first : first + PARTIALS], b[first : first + PARTIALS], partials)
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
def inner_products(a, b, out):
    """out = a b^T where that is symmetric, from its lower half. a, b f64[k, n]; out f64[k, k]."""
    for i in range(a.shape[0]):
        for j in range(i + 1):
            out[i, j] = out[j, i] = dot(a[i], b[j])


@kernel
def combine(factors, basis, out):
    """out = factors basis, row after row. factors f64[m, k]; basis f64[k, n]; out f64[m, n]."""
    out[:] = 0.0
    for i in range(factors.shape[0]):
        for j in range(basis.shape[0]):
            add_scaled(out[i], basis[j], factors[i, j])


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
