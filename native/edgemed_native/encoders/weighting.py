"""Weights of errors from the importances of columns, for encoders that take importances.

All rows of a matrix share the importances, so here a lane is a row: sixteen rows are read at the
same columns, and one importance applies to all lanes. As in ggml, the error of a weight x with
importance a has the weight a sqrt(spread + x^2): large weights count more, and none is ignored.
"""

import numpy as np

from edgemed_native._jit import inner
from edgemed_native.lanes import LANES, fma, load, splat, sqrt, store, transpose

F32 = np.float32


@inner
def take(src, first, last, stride, column, n, x):
    """Read n values from `column` on of rows from `first`, one row per lane; sum their squares.

    Lanes past row `last` repeat it.
    """
    total = splat(F32(0))
    for at in range(0, n, LANES):
        transpose(src, first, last, stride, column + at, x, at * LANES)
    for i in range(n):
        v = load(x, LANES * i)
        total = fma(v, v, total)
    return total


@inner
def mean_square(src, first, last, stride, n, x):
    """The mean square of whole rows, one per lane; x is scratch space for n values of each."""
    total = splat(F32(0))
    for column in range(0, stride, n):
        total = total + take(src, first, last, stride, column, n, x)
    return total * splat(F32(1) / F32(stride))


@inner
def importance_weights(x, w, n, importances, column, spread):
    """w = importance sqrt(spread + x^2) for n values, the first of them in `column`."""
    for i in range(n):
        v = load(x, LANES * i)
        store(w, LANES * i, splat(importances[column + i]) * sqrt(fma(v, v, spread)))


@inner
def importances_alone(w, n, importances, column):
    """w = importance: what ggml minimises for Q6_K."""
    for i in range(n):
        store(w, LANES * i, splat(importances[column + i]))
