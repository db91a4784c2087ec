"""Arithmetic on float32 rows, one pass each. No checks: call it through `edgemed_native.mix`."""

import numpy as np
from numpy.typing import NDArray

from edgemed_native._jit import inlined, inner, kernel

F32 = np.float32
F64 = np.float64
U32 = np.uint32
Rows = NDArray[np.float32]

LANES = 64
"""Partial sums per row. An element's column alone decides to which one it is added."""


@kernel
def weighted_sum(a: Rows, wa: F32, b: Rows, wb: F32) -> None:
    """a[i] = wa a[i] + wb b[i], in place: three roundings to float32, no fma. a, b f32[n]."""
    for i in range(a.size):
        a[i] = wa * a[i] + wb * b[i]


@kernel
def largest_bits(rows: Rows) -> U32:
    """The largest |x| of f32[n] as its bits: ordered like the numbers, and NaN above infinity."""
    largest = U32(0)
    for i in range(rows.size):
        largest = max(largest, U32(F32(rows[i]).view(U32) & U32(0x7FFFFFFF)))
    return largest


@inlined
def add_products(x, y, partials):
    """partials[lane] += x[lane] y[lane] in float64: one sum per loop, which LLVM vectorises."""
    for lane in range(LANES):
        partials[lane] += F64(x[lane]) * F64(y[lane])


@inner
def in_order(partials):
    total = 0.0
    for lane in range(LANES):
        total += partials[lane]
    return total


@kernel
def row_sums(a: Rows, b: Rows, sums: NDArray[F64]) -> None:
    """Per row a.b, a.a and b.b in float64. a, b f32[rows, n]; sums f64[rows, 3].

    Column i is added to partial sum i mod 64, and these are then added in order. So the result is
    the same for every vector width: the compiler never decides how to split a sum.
    """
    partials = np.empty((3, LANES))
    whole = a.shape[1] // LANES * LANES
    for row in range(a.shape[0]):
        partials[:] = 0.0
        for first in range(0, whole, LANES):
            x, y = a[row, first : first + LANES], b[row, first : first + LANES]
            add_products(x, y, partials[0])
            add_products(x, x, partials[1])
            add_products(y, y, partials[2])
        for column in range(whole, a.shape[1]):
            last_x, last_y = F64(a[row, column]), F64(b[row, column])
            partials[0, column - whole] += last_x * last_y
            partials[1, column - whole] += last_x * last_x
            partials[2, column - whole] += last_y * last_y
        for k in range(3):
            sums[row, k] = in_order(partials[k])
