"""95 % intervals over cases: percentile bootstrap (Efron 1979), the same for the same numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
ENDS = (0.025, 0.975)


class Interval(NamedTuple):
    """A figure, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def mean_of(worths: Sequence[float]) -> Interval:
    """The mean over cases."""
    sums = resampled_sums([worths])
    return bounded(sum(worths) / len(worths), sums[:, 0] / len(worths))


def ratio_of(ours: Sequence[float], theirs: Sequence[float]) -> Interval | None:
    """Mean over mean on the same cases, which are drawn together; None where theirs is 0."""
    if not sum(theirs):
        return None
    mine, other = resampled_sums([ours, theirs]).T
    return bounded(sum(ours) / sum(theirs), mine[other > 0] / other[other > 0])


def resampled_sums(columns: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Sums of each column over as many cases as there are, drawn anew: (RESAMPLES, columns)."""
    rows, rng = np.array(columns, np.float64).T, np.random.default_rng(0)
    count = len(rows)
    return np.stack([rows[rng.integers(0, count, count)].sum(axis=0) for _ in range(RESAMPLES)])


def bounded(value: float, drawn: NDArray[np.float64]) -> Interval:
    """A figure between the ends of what was drawn, itself included."""
    low, high = np.quantile(drawn, ENDS)
    return Interval(value, min(float(low), value), max(float(high), value))
