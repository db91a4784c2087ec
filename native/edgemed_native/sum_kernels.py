"""Sums over all rows of a tensor, in float64: 64 partial sums a row, added in order.

An element's column alone decides to which partial sum it is added, and rows are added one after the
other, so the totals do not depend on chunks or on the processor's vector width.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.mix_kernels import LANES, add_products, in_order

F64 = np.float64


@kernel
def add_gram(x, totals):
    """totals[i, j] += sum over x[i] x[j]. x f32[sources, rows, n]; totals f64[sources, sources]."""
    sources, rows, length = x.shape
    whole = length // LANES * LANES
    partials = np.empty((sources, sources, LANES))
    for row in range(rows):
        partials[:] = 0.0
        for first in range(0, whole, LANES):
            for i in range(sources):
                for j in range(i, sources):
                    a, b = x[i, row, first : first + LANES], x[j, row, first : first + LANES]
                    add_products(a, b, partials[i, j])
        for i in range(sources):
            for j in range(i, sources):
                for lane in range(length - whole):
                    partials[i, j, lane] += F64(x[i, row, whole + lane]) * F64(
                        x[j, row, whole + lane]
                    )
                totals[i, j] += in_order(partials[i, j])
                totals[j, i] = totals[i, j]


@kernel
def add_magnitudes(x, totals):
    """totals[i] += sum of |x[i]|. x f32[sources, rows, n]; totals f64[sources]."""
    sources, rows, length = x.shape
    whole = length // LANES * LANES
    partials = np.empty(LANES)
    for i in range(sources):
        for row in range(rows):
            partials[:] = 0.0
            for first in range(0, whole, LANES):
                add_absolutes(x[i, row, first : first + LANES], partials)
            add_absolutes(x[i, row, whole:], partials)
            totals[i] += in_order(partials)


@inner
def add_absolutes(x, partials):
    for lane in range(x.size):
        partials[lane] += F64(abs(x[lane]))


@kernel
def add_squares(x, totals):
    """totals[i] += sum of x[i] squared. x f32[sources, rows, n]; totals f64[sources]."""
    sources, rows, length = x.shape
    whole = length // LANES * LANES
    partials = np.empty(LANES)
    for i in range(sources):
        for row in range(rows):
            partials[:] = 0.0
            for first in range(0, whole, LANES):
                add_products(
                    x[i, row, first : first + LANES], x[i, row, first : first + LANES], partials
                )
            for lane in range(length - whole):
                partials[lane] += F64(x[i, row, whole + lane]) * F64(x[i, row, whole + lane])
            totals[i] += in_order(partials)


@kernel
def add_column_gram(x, totals):
    """totals[:, c] += x0 x0, x0 x1 and x1 x1 of every column c, row after row. totals f64[3, n]."""
    for row in range(x.shape[1]):
        for c in range(x.shape[2]):
            a, b = F64(x[0, row, c]), F64(x[1, row, c])
            totals[0, c] += a * a
            totals[1, c] += a * b
            totals[2, c] += b * b
