"""A search over t by group and depth: CMA-ES (Hansen 2016, arXiv:1604.00772) by the library cmaes.

A point is five numbers from 0 to 1: t of the attention in the first block and in the last one, the
same two for the feed-forward part, and one t for all other tensors (embeddings, head, last norm).
Between the first block and the last t is linear over depth. The norms before a part go with it.

The library is numpy alone: it opens and writes no file, and has random numbers of its own. It is
asked for a generation of points, and told their order by the rule of the sweep. So the same seed
and the same results give the same points: a search that was stopped asks for them again from the
first one, and those whose results are kept need no merge.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgemed.errors import EdgemedError
from edgemed.evals.sweeping.point import ByRecipe
from edgemed.evals.sweeping.sweep import Way
from edgemed.merging.recipe.recipe import between
from edgemed.merging.recipe.settings import Filter, Setting

SIZE = 5
"""Numbers of a point."""
STEP = 0.2
"""The first spread of the points around the best single t, in units of t."""
DIGITS = 3
SEEDS = 2**32
"""Seeds that numpy's RandomState takes."""
MERGES = 32
"""Merges of a search, unless the user says how many."""


def require() -> Any:
    """cmaes. EdgemedError where it is not installed."""
    try:
        import cmaes
    except ImportError:
        raise EdgemedError("cmaes is not installed", "pip install 'edgemed[search]'") from None
    return cmaes


class Search:
    """The generations of a search that begins around `start`, a t from 0 to 1."""

    def __init__(self, start: float, seed: int) -> None:
        bounds = np.tile([0.0, 1.0], (SIZE, 1))
        middle = np.full(SIZE, float(start))
        self._cma = require().CMA(mean=middle, sigma=STEP, bounds=bounds, seed=seed % SEEDS)
        self._asked: list[tuple[float, ...]] = []

    @property
    def size(self) -> int:
        """Points of a generation."""
        return int(self._cma.population_size)

    def ask(self) -> list[tuple[float, ...]]:
        """The points of the next generation."""
        drawn = (self._cma.ask() for _ in range(self.size))
        self._asked = [tuple(round(float(n), DIGITS) + 0.0 for n in point) for point in drawn]
        return self._asked

    def tell(self, worths: Sequence[tuple[float, ...]]) -> None:
        """The worths of this generation's points, as tuples: the greater is better.
        CMA-ES looks at their order alone."""
        order = sorted(set(worths), reverse=True)
        ranks = (float(order.index(worth)) for worth in worths)
        self._cma.tell(list(zip(map(np.array, self._asked), ranks, strict=True)))


def schedule_of(values: Sequence[float]) -> Setting:
    """The t of every tensor, as filters."""
    attention, feed_forward, rest = tuple(values[:2]), tuple(values[2:4]), float(values[4])
    return (Filter("attn_", attention), Filter("ffn_", feed_forward), Filter(None, rest))


def name_of(values: Sequence[float]) -> str:
    """What a point is called in tables and folders."""
    a, b, c, d, rest = (f"{n:g}" for n in values)
    return f"attn {a}-{b} ffn {c}-{d} rest {rest}"


def point_of(way: Way, values: Sequence[float]) -> ByRecipe:
    """The merge at these t, by the sweep's own method."""
    t = schedule_of(values)
    return ByRecipe(name_of(values), between(way.a, way.b, t, way.method, **way.changes), t)
