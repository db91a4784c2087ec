"""Whether two models differ on the same items: a permutation test for pairs, and Holm's correction.

If the two models were alike, it would not matter which of them gave which of two answers to an
item. So answers are exchanged at random, and p is how often the figures then differ as much as they
do (Fisher 1935). With 13 items or fewer every exchange is tried.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgemed.evals.measures import Counts, figure_of

EXCHANGES = 10_000
SMALL = 1e-12  # differences of figures closer than this are equal, but for rounding


class Compared(NamedTuple):
    """One measure of two models on the same items: theirs is subtracted."""

    ours: float
    theirs: float
    p: float
    items: int

    @property
    def difference(self) -> float:
        """How much higher ours is."""
        return self.ours - self.theirs


def compared(name: str, ours: Sequence[Counts], theirs: Sequence[Counts]) -> Compared:
    """Two models on the same items in the same order. ValueError if there are none."""
    a, b = np.array(ours, np.float64), np.array(theirs, np.float64)
    if a.shape != b.shape or not len(a):
        raise ValueError("the same items, one or more")
    swap = exchanges(len(a)) @ (b - a)
    drawn = figure_of(name, a.sum(axis=0) + swap) - figure_of(name, b.sum(axis=0) - swap)
    mine, other = (float(figure_of(name, side.sum(axis=0))) for side in (a, b))
    extreme = int((np.abs(drawn) >= abs(mine - other) - SMALL).sum())
    every = len(drawn) == 1 << len(a)
    p = extreme / len(drawn) if every else (extreme + 1) / (len(drawn) + 1)
    return Compared(mine, other, p, len(a))


def exchanges(items: int) -> NDArray[np.float64]:
    """Which items are exchanged, 0 or 1: (exchanges, items); every way where there are few."""
    if 1 << items <= EXCHANGES:
        ways = np.arange(1 << items)[:, None]
        return (ways >> np.arange(items) & 1).astype(np.float64)
    drawn = np.random.default_rng(0).integers(0, 2, (EXCHANGES, items), np.int8)
    return drawn.astype(np.float64)


def holm(found: Mapping[str, float]) -> dict[str, float]:
    """The p of several tests, raised so that a false alarm among all stays as rare (Holm 1979)."""
    raised, least = {}, 0.0
    for rank, (name, p) in enumerate(sorted(found.items(), key=lambda pair: pair[1])):
        least = max(least, min(1.0, p * (len(found) - rank)))
        raised[name] = least
    return {name: raised[name] for name in found}
