"""Chooses the point of a sweep, and names the others that the items cannot tell from it.

The rule: for every task the share that a point keeps of what can be kept,

    share = (score - floor) / (best score of any point - floor)        0 below the floor

for every axis the mean of its tasks' shares, and of the axes the lowest: the point where that is
highest is taken (of equals the one whose next axis keeps more, then the lowest t, and a t before a
recipe).
Another point is "like" the chosen one where the 95 % interval of the difference between their
lowest shares reaches 0. Items are resampled with all points' answers to them together: luck with
easy items favours none.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgemed.evals.intervals import ENDS, Interval, bounded, resampled_sums
from edgemed.evals.measures import Counts, figure_of
from edgemed.evals.sweeping.point import At, in_order

F64 = NDArray[np.float64]
CLINICAL, INSTRUCTIONS = "clinical", "instructions"
KEPT = 0.9
"""A skill of which less than this is kept counts as lost: an alarm."""

RULE = "the point whose weakest axis keeps most of its best score above the floor"


SMALL = 1e-12  # what rounding takes from a share


class TaskCounts(NamedTuple):
    """One task of an axis: the counts of its deciding measure at every point, item by item in the
    same order, and those of the floor."""

    task: str
    axis: str
    measure: str
    points: Mapping[At, Sequence[Counts]]
    floor: Sequence[Counts]


class ChosenPoint(NamedTuple):
    """The chosen point, the axis that keeps least there and how much, the points `like` it, and the
    silent tasks, on which no point is above the floor."""

    point: At
    axis: str
    share: float
    like: tuple[At, ...]
    silent: tuple[str, ...]
    kept: Mapping[At, Mapping[str, float]]

    def worth(self, point: At) -> tuple[float, ...]:
        """What the rule compares: the shares of the axes, the lowest first."""
        return tuple(sorted(self.kept[point].values()))


class KeptShare(NamedTuple):
    """What a merge keeps of the better parent, above the floor; None where that has nothing."""

    ours: float
    parent: float
    floor: float
    share: Interval | None

    @property
    def alarm(self) -> bool:
        """Whether too little is kept, as far as these items tell."""
        return self.share is not None and self.share.value < KEPT - SMALL

    @property
    def decided(self) -> bool:
        """Whether the interval lies on one side of the alarm."""
        return self.share is not None and not self.share.low < KEPT <= self.share.high


def choose(columns: Sequence[TaskCounts]) -> ChosenPoint | None:
    """The point by the rule; None if all tasks are silent, or all those of a required axis."""
    points = in_order(columns[0].points)
    shares = [(column, shares_of(column, points)) for column in columns]
    silent = tuple(column.task for column, found in shares if found is None)
    axes = dict.fromkeys(column.axis for column, found in shares if found is not None)
    lost = {column.axis for column in columns} - set(axes)
    if not axes or lost & {CLINICAL, INSTRUCTIONS}:
        return None
    means = {
        axis: np.mean([f for c, f in shares if c.axis == axis and f is not None], axis=0)
        for axis in axes
    }
    lowest = np.min(list(means.values()), axis=0)
    best = max(range(len(points)), key=lambda n: (sorted(m[0, n] for m in means.values()), -n))
    return ChosenPoint(
        points[best],
        min(means, key=lambda axis: means[axis][0, best]),
        float(lowest[0, best]),
        tuple(p for p, reaches in zip(points, alike(lowest[1:], best), strict=True) if reaches),
        silent,
        {p: {axis: float(m[0, n]) for axis, m in means.items()} for n, p in enumerate(points)},
    )


def alike(drawn: F64, best: int) -> list[bool]:
    """Which points, but the best, may be as good: `drawn` are lowest shares (draws, points)."""
    ends = np.quantile(drawn[:, [best]] - drawn, ENDS[0], axis=0)
    return [n != best and bool(end <= 0) for n, end in enumerate(ends)]


def shares_of(column: TaskCounts, points: Sequence[At]) -> F64 | None:
    """Shares kept, (1 + draws, points), the first row as measured; None where no point is above the
    floor."""
    scores = drawn_scores(column.measure, [*(column.points[p] for p in points), column.floor])
    scores, floor = scores[:, :-1], scores[:, [-1]]
    room = scores.max(axis=1, keepdims=True) - floor
    if room[0, 0] <= 0:
        return None
    kept: F64 = np.divide(scores - floor, room, out=np.ones_like(scores), where=room > 0)
    return np.maximum(kept, 0.0)  # below the floor 0 is kept, not less


def drawn_scores(measure: str, sides: Sequence[Sequence[Counts]]) -> F64:
    """A measure of several sides on the same items: (1 + draws, sides), first as measured."""
    width = len(sides[0][0])
    rows = [[number for side in sides for number in side[n]] for n in range(len(sides[0]))]
    whole = np.array(rows, np.float64).sum(axis=0, keepdims=True)
    sums = np.concatenate([whole, resampled_sums(list(zip(*rows, strict=True)))])
    return np.stack(
        [figure_of(measure, sums[:, n * width : (n + 1) * width]) for n in range(len(sides))], 1
    )


def kept_of(measure: str, ours: Sequence[Counts], a: Sequence[Counts], b: Sequence[Counts],
            floor: Sequence[Counts]) -> KeptShare:  # fmt: skip
    """What `ours` keeps of the better of the parents `a` and `b`, on the same items."""
    scores = drawn_scores(measure, [ours, a, b, floor])
    parent = 1 + int(scores[0, 2] > scores[0, 1])
    mine, other, free = scores[:, 0], scores[:, parent], scores[:, 3]
    room = other - free
    if room[0] <= 0:
        return KeptShare(float(mine[0]), float(other[0]), float(free[0]), None)
    shares = np.divide(mine - free, room, out=np.full_like(mine, np.inf), where=room > 0)
    share = bounded(float(shares[0]), shares[1:])
    return KeptShare(float(mine[0]), float(other[0]), float(free[0]), share)
