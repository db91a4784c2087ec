"""95 % intervals over cases; the same numbers give the same interval.

If every score is 0 or 1, Wilson's score interval (Wilson 1927), which also holds for few cases;
otherwise the percentile bootstrap (Efron 1979), which is too narrow for fewer than about 30 cases.
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
ENDS = (0.025, 0.975)
AT_ONCE = 1_000_000  # numbers of samples in memory
Z = 1.959964  # the normal distribution's 97.5 % point
FEW = 30  # with fewer cases a bootstrap interval is too narrow


class Interval(NamedTuple):
    """A figure, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def mean_of(worths: Sequence[float]) -> Interval:
    """The mean over cases."""
    if set(worths) <= {0.0, 1.0}:
        return wilson(sum(worths), len(worths))
    sums = resampled_sums([worths])
    return bounded(sum(worths) / len(worths), sums[:, 0] / len(worths))


def wilson(hits: float, count: int) -> Interval:
    """A rate of `hits` in `count`."""
    rate, square = hits / count, Z * Z / count
    middle = (rate + square / 2) / (1 + square)
    half = sqrt(rate * (1 - rate) * square + square * square / 4) / (1 + square)
    return Interval(rate, min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half)))


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> Interval | None:
    """The mean of `ours` divided by that of `theirs`, on the same cases; None if theirs is 0.

    Cases are resampled in pairs. A sample in which theirs is 0 counts as an infinite ratio, so
    `high` can be infinite.
    """
    if not sum(theirs):
        return None
    mine, other = resampled_sums([ours, theirs]).T
    ratios = np.divide(mine, other, out=np.full_like(mine, np.inf), where=other > 0)
    return bounded(sum(ours) / sum(theirs), ratios)


def resampled_sums(columns: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Sums of each column over samples of cases with replacement: (RESAMPLES, columns)."""
    rows, rng = np.array(columns, np.float64).T, np.random.default_rng(0)
    count, step = len(rows), max(1, AT_ONCE // rows.size)
    sizes = (min(step, RESAMPLES - at) for at in range(0, RESAMPLES, step))
    return np.concatenate(
        [rows[rng.integers(0, count, (size, count))].sum(axis=1) for size in sizes]
    )


def bounded(value: float, drawn: NDArray[np.float64]) -> Interval:
    """A figure with the percentiles of its resampled values, widened to include the figure."""
    low, high = np.quantile(drawn, ENDS, method="inverted_cdf")
    return Interval(value, min(float(low), value), max(float(high), value))
