"""Sums over all rows of a tensor, in float64: 64 partial sums a row, added in order.

Which partial an element joins depends on its column alone, and rows are added one after the other,
so the totals do not depend on chunks or on the processor's vector width.
"""

import numpy as np

from edgemed_native._jit import kernel
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
