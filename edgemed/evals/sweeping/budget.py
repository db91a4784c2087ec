"""Divides the time of a sweep: rounds that halve the merges, by measured seconds.

HALF of the time is for choosing; a search that follows gets half of that. In every round all
remaining merges answer twice as many items as before, then the better half of them stays; the
parents always stay. The time of a round or a test is computed from the measured time of a merge and
of an item of each task; nothing is assumed. What is left at the end is for the test.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgemed.evals.sweeping.point import At, in_order

HALF = 0.5
LEAST = 5
"""Items of a task in the first round, if the task has so many."""


@dataclass(slots=True)
class Clock:
    """Seconds spent, and what a merge and an item of each task took: [seconds, count]."""

    budget: float | None = None
    began: float = field(default_factory=time.monotonic)
    merges: list[float] = field(default_factory=lambda: [0.0, 0.0])
    items: dict[str, list[float]] = field(default_factory=dict)

    @property
    def spent(self) -> float:
        """Seconds since the sweep began."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return math.inf if self.budget is None else self.budget - self.spent

    def left_of(self, share: float) -> float:
        """Seconds left of a share of the budget, counted from the beginning."""
        return math.inf if self.budget is None else share * self.budget - self.spent

    @contextmanager
    def merging(self) -> Iterator[None]:
        """Measures a merge."""
        with measuring(self.merges, 1):
            yield

    @contextmanager
    def asking(self, task: str, items: int) -> Iterator[None]:
        """Measures `items` of a task, the loading of the model included."""
        with measuring(self.items.setdefault(task, [0.0, 0.0]), items):
            yield

    def forecast(self, merges: int, items: Mapping[str, int]) -> float:
        """Seconds for so many merges, and items by task; what was never measured counts 0."""
        each = {name: mean(found) for name, found in self.items.items()}
        return merges * mean(self.merges) + sum(
            count * each.get(task, 0.0) for task, count in items.items()
        )


@contextmanager
def measuring(found: list[float], count: int) -> Iterator[None]:
    """Adds the seconds of the block and `count` to `found`, unless the block raises."""
    began = time.monotonic()
    yield
    found[0] += time.monotonic() - began
    found[1] += count


def mean(found: list[float]) -> float:
    """Seconds for one."""
    return found[0] / found[1] if found[1] else 0.0


def rounds_for(merges: int, items: int, halved: bool) -> list[int]:
    """How many of `items` every merge that is left has answered after each round.

    >>> rounds_for(9, 100, True)
    [13, 25, 50, 100]
    """
    if not halved or merges < 2:
        return [items]
    count = math.ceil(math.log2(merges))
    while count and items / 2**count < min(LEAST, items):
        count -= 1
    return [math.ceil(items / 2 ** (count - n)) for n in range(count + 1)]


def better_half(worth: Mapping[At, float]) -> list[At]:
    """The points of the better half, one more where the number is odd; of equals the lowest t."""
    order = sorted(in_order(worth), key=lambda point: -worth[point])
    return in_order(order[: math.ceil(len(order) / 2)])


def seconds_of(text: str) -> float:
    """Seconds in a duration such as 90m, 2h, 1h30m, 45s or 600 (seconds). ValueError for others."""
    import re

    found = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text)
    total = sum(float(n or 0) * by for n, by in zip(found.groups(), (3600, 60, 1), strict=True)) \
        if found else 0.0  # fmt: skip
    if not total:
        raise ValueError(text)
    return total
