"""Products of thin matrices, added to rows: W + L R, and DoRA's lengths. Nothing is checked here.

    x f32[rows, n]    left f64[rows, k]    right f64[k, n]

Sums are float64, in the order of k, and rounded to float32 once; a sum belongs to one element, so
nothing depends on how a tensor is divided into calls.
"""

import math

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.subspace_kernels import dot

F32 = np.float32
F64 = np.float64

TILE = 256
"""Columns that are worked on together: with a rank of 16 their factors stay in the L1 cache."""


@kernel
def add_low_rank(x, left, right):
    """x += left right."""
    rows, n = x.shape
    sums, near = np.empty(TILE), np.zeros((right.shape[0], TILE))
    for start in range(0, n, TILE):
        wide = min(TILE, n - start)
        for j in range(right.shape[0]):
            near[j, :wide] = right[j, start : start + wide]
        for i in range(rows):
            sums[:] = 0.0
            add_product(sums, left[i], near)
            for c in range(wide):
                x[i, start + c] = F32(F64(x[i, start + c]) + sums[c])


@kernel
def scale_rows(x, left, right, lengths, strength):
    """x += strength (y lengths / |y| - x) with y = x + left right, row by row. lengths f64[rows].

    A row y of zeros, which has no direction, stays zeros (0 / 0 is taken for 0).
    """
    rows, n = x.shape
    y = np.empty(n)
    for i in range(rows):
        sum_of(y, x[i], left[i], right)
        size = math.sqrt(dot(y, y))
        factor = lengths[i] / size if size > 0.0 else 0.0
        for c in range(n):
            x[i, c] = F32(F64(x[i, c]) + strength * (factor * y[c] - F64(x[i, c])))


@kernel
def add_column_squares(x, left, right, totals):
    """totals f64[n] += the squares of x + left right, row after row."""
    y = np.empty(x.shape[1])
    for i in range(x.shape[0]):
        sum_of(y, x[i], left[i], right)
        for c in range(y.size):
            totals[c] += y[c] * y[c]


@kernel
def scale_columns(x, left, right, factors, strength):
    """x += strength (factors y - x) with y = x + left right. factors f64[n]."""
    y = np.empty(x.shape[1])
    for i in range(x.shape[0]):
        sum_of(y, x[i], left[i], right)
        for c in range(y.size):
            x[i, c] = F32(F64(x[i, c]) + strength * (factors[c] * y[c] - F64(x[i, c])))


@inner
def sum_of(y, x, left, right):
    """y = x + left right, for one row."""
    y[:] = 0.0
    add_product(y, left, right)
    for c in range(y.size):
        y[c] += F64(x[c])


@inner
def add_product(sums, left, right):
    """sums += left right, for one row: four terms at a time, one after the other."""
    k = left.size
    whole = k // 4 * 4
    for j in range(0, whole, 4):
        add_four(sums, left[j : j + 4], right[j], right[j + 1], right[j + 2], right[j + 3])
    for j in range(whole, k):
        for at in range(sums.size):
            sums[at] += left[j] * right[j, at]


@inner
def add_four(sums, factors, a, b, c, d):
    """sums += factors[0] a + factors[1] b + ..., added in this order."""
    p, q, r, s = factors[0], factors[1], factors[2], factors[3]
    for at in range(sums.size):
        sums[at] = (((sums[at] + p * a[at]) + q * b[at]) + r * c[at]) + s * d[at]


@kernel
def times_transposed(d, basis, out):
    """out = d basis^T. d f32[rows, n]; basis f64[k, n]; out f64[rows, k]."""
    row = np.empty(d.shape[1])
    for i in range(d.shape[0]):
        for c in range(row.size):
            row[c] = F64(d[i, c])
        for j in range(basis.shape[0]):
            out[i, j] = dot(row, basis[j])
