"""The divergence between the softmax of a row of one model and that of another."""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.exp_log import exponential, logarithm
from edgemed_native.mix_kernels import LANES, in_order

F32 = np.float32
F64 = np.float64


@kernel
def row_divergence(x, out):
    """out = per row the sum of p log(p / q), p = softmax(x[1]) + 1e-8, q of x[0] likewise.

    x f32[2, rows, n]; out f32[rows]. Sums are 64 partial sums, added in order.
    """
    rows, n = x.shape[1], x.shape[2]
    p, q, partials = np.empty(n), np.empty(n), np.empty(LANES)
    for row in range(rows):
        fill_softmax(x[0, row], q, partials)
        fill_softmax(x[1, row], p, partials)
        partials[:] = 0.0
        for first in range(0, n, LANES):
            end = min(first + LANES, n)
            add_divergence(p[first:end], q[first:end], partials)
        out[row] = F32(in_order(partials))


@inner
def fill_softmax(row, out, partials):
    """out = softmax(row) + 1e-8."""
    high = row[0]
    for c in range(row.size):
        high = max(high, row[c])
    fill_exponentials(row, F64(high), out)
    partials[:] = 0.0
    for first in range(0, row.size, LANES):
        end = min(first + LANES, row.size)
        add_values(out[first:end], partials)
    total = in_order(partials)
    for c in range(row.size):
        out[c] = out[c] / total + 1e-8


@inner
def fill_exponentials(row, high, out):
    for c in range(row.size):
        out[c] = exponential(F64(row[c]) - high)


@inner
def add_values(values, partials):
    for lane in range(values.size):
        partials[lane] += values[lane]


@inner
def add_divergence(p, q, partials):
    for lane in range(p.size):
        partials[lane] += p[lane] * logarithm(p[lane] / q[lane])
