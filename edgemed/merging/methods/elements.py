"""Methods that decide for every element: which models changed it, and by how much."""

import math
from functools import partial
from typing import Any

import numpy as np
from edgemed_native import delta_kernels
from edgemed_native.sum_kernels import add_squares

from edgemed.merging.methods import rowwise, select
from edgemed.merging.methods.fusion import fuse
from edgemed.merging.methods.method import Method, quantiles
from edgemed.merging.methods.schema import Positive, Share
from edgemed.merging.methods.select import (
    INFINITE_BITS,
    Border,
    border,
    order_statistic_beside_zeros,
)
from edgemed.merging.methods.stream import Mix, Stream


def sce(stream: Stream, *, select_topk: Share = 1.0) -> Mix:
    """Elements in which the deltas vary most, weighted by their mean square, elected signs
    (FuseChat: Wan et al., arXiv 2408.07990)."""
    least = varied(stream, select_topk) if select_topk < 1.0 else None
    squares = np.zeros(stream.models)
    for first, x in stream.chunks():
        rowwise.keep_varied(least, x, first)
        add_squares(x[1:], squares)
    total = math.fsum(squares.tolist())
    weight = squares / total if total > 0.0 else np.full(stream.models, 1.0 / stream.models)
    return Mix(partial(rowwise.elect_varied, least, weight.astype(np.float32)))


def varied(stream: Stream, share: float) -> Border:
    """The least variance among the `share` of elements (of those with any) that vary most; among
    equals the lowest index counts as the largest."""

    def kept(zeros: int) -> int:
        return int(share * (stream.weights - zeros))

    def rank(zeros: int) -> int:
        return stream.weights - max(1, kept(zeros))

    found, zeros = order_statistic_beside_zeros(stream, rowwise.variances, rank)
    if not kept(zeros):
        return Border(INFINITE_BITS, 0)
    above = stream.weights - found.below - found.equal
    return border(stream, rowwise.variances, found, kept(zeros) - above)


def ram(stream: Stream, *, epsilon: Positive = 1e-5) -> Mix:
    """Elements that one model alone changed are added, those of several averaged (reinforced
    agent merging, arXiv 2601.13572)."""
    return Mix(partial(rowwise.unique_and_shared, epsilon, np.ones(stream.models, np.float32)))


def ramplus_tl(
    stream: Stream, *, r: float = 0.1, alpha: float = 0.2, epsilon: Positive = 1e-5
) -> Mix:
    """`ram` with a model's own changes times 1 + r clip(shared / unique, 0, alpha), counted in
    the tensor (arXiv 2601.13572)."""
    counts = np.zeros((stream.models, 2), np.int64)
    for _, x in stream.chunks():
        flat = x.reshape(len(x), -1)
        delta_kernels.subtract_base(flat)
        delta_kernels.count_changes(flat, np.float32(epsilon), counts)
    ratio = counts[:, 1] / np.maximum(counts[:, 0], epsilon)
    factors = 1.0 + r * np.clip(ratio, 0.0, alpha)
    return Mix(partial(rowwise.unique_and_shared, epsilon, factors.astype(np.float32)))


def nearswap(stream: Stream, *, t: Positive) -> Mix:
    """k x_2 + (1 - k) x_1 with k = min(t / |x_1 - x_2|, 1), x_1 the base (alchemonaut 2024)."""
    return Mix(partial(rowwise.near_swap, t))


def arcee_fusion(stream: Stream) -> Mix:
    """Elements of the other model where |difference| times the row's divergence is an outlier, of
    the base elsewhere (Arcee; outlier: median + 1.5 times the interquartile range, exact here)."""
    return fuse(stream)


def three_quantiles(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Three order statistics of one measure."""
    return 3 * select.STATE_BYTES


def divergences(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """A float32 for every row."""
    return 4 * rows


ROWS = {
    "sce": Method(sce, "required", 1, None, 2, state=quantiles),
    "ram": Method(ram, "required", 1),
    "ramplus_tl": Method(ramplus_tl, "required", 1, passes=1),
    "nearswap": Method(nearswap, "first of two", 2, 2),
    "arcee_fusion": Method(
        arcee_fusion, "first of two", 2, 2, 2, state=three_quantiles, kept=divergences
    ),
}
