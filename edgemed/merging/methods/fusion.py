"""Arcee's fusion: which elements of a second model are important enough to replace the base's."""

from functools import partial

import numpy as np
from edgemed_native.delta_kernels import add_where
from edgemed_native.divergence_kernels import row_divergence

from edgemed.merging.methods.select import order_statistics
from edgemed.merging.methods.stream import F32, Mix, Stream

QUARTILES = (0.25, 0.5, 0.75)


def fuse(stream: Stream) -> Mix:
    """x_1 + (x_2 - x_1) where importance >= median + 1.5 (q3 - q1), all quantiles exact.

    importance = |x_2 - x_1| D(row), D the divergence of the softmax of x_2's row from x_1's.
    """
    divergence = np.empty(stream.rows, np.float32)
    for first, x in stream.chunks():
        row_divergence(x, divergence[first : first + x.shape[1]])
    ranks = [int(q * (stream.weights - 1)) for q in QUARTILES]
    measure = partial(importance, divergence)
    (found,) = order_statistics(stream, measure, [ranks])
    q1, median, q3 = (one.value for one in found)
    least = np.float32(median + 1.5 * (q3 - q1))
    return Mix(partial(replace_important, divergence, least), True, {"threshold": float(least)})


def importance(divergence: F32, x: F32, first: int) -> F32:
    """f32[1, elements], in the place of x[1]."""
    np.subtract(x[1], x[0], out=x[1])
    np.multiply(x[1], divergence[first : first + x.shape[1], None], out=x[1])
    measured: F32 = x[1].reshape(1, -1)
    return measured


def replace_important(divergence: F32, least: np.float32, x: F32, first: int) -> None:
    """x[0] with x[1] where that is important."""
    rows = np.ascontiguousarray(divergence[first : first + x.shape[1]])
    add_where(x, rows, least)
