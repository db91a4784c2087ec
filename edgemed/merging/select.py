"""Exact order statistics of a measure over a whole tensor, mostly in one streamed pass.

A sample guesses where the value lies; a pass then counts what is below a window around the guess,
and every value in the window by all of its bits. Where the guess was wrong, two more passes find
the window. The result is exact either way: the sample decides only how long it takes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from edgemed_native.select_kernels import BINS, LOW_BITS, WINDOW, count_bins, count_window
from numpy.typing import NDArray

from edgemed.merging.stream import F32, Stream

I64 = NDArray[np.int64]

Measure = Callable[[F32, int], F32]
"""(x f32[sources, rows, length], first row) -> f32[measures, rows * length], none negative."""

SAMPLE = 1 << 18
PLACES = 32
STATE_BYTES = 3 * 8 * WINDOW + 4 * SAMPLE
"""What one order statistic keeps meanwhile: window, its running sum, bins, and a sample."""


class Target(NamedTuple):
    """The value of ascending `rank` (0 the smallest) of a measure, expected at `start` or above."""

    measure: int
    rank: int
    start: int


def order_statistics(
    stream: Stream, measure: Measure, ranks: Sequence[Sequence[int]]
) -> list[list[float]]:
    """For every measure the values of these ascending ranks."""
    wanted = [(m, rank) for m, some in enumerate(ranks) for rank in some]
    if stream.weights <= SAMPLE:
        every = np.sort(sample(stream, measure, stream.rows, 1), axis=1)
        found = {(m, rank): float(every[m, rank]) for m, rank in wanted}
    else:
        found = search(stream, measure, guesses(stream, measure, wanted))
        missed = [target for target in wanted if target not in found]
        if missed:
            found |= search(stream, measure, located(stream, measure, missed))
    return [[found[m, rank] for rank in some] for m, some in enumerate(ranks)]


def sample(stream: Stream, measure: Measure, rows: int, places: int) -> F32:
    """The measures of `rows` rows at each of `places` evenly spread places."""
    pieces = []
    for place in range(places):
        begin = place * (stream.rows - rows) // max(places - 1, 1)
        for first in range(begin, begin + rows, stream.at_once):
            count = min(stream.at_once, begin + rows - first)
            pieces.append(measure(stream.read(first, count), first).copy())
    return np.concatenate(pieces, axis=1)


def guesses(stream: Stream, measure: Measure, wanted: list[tuple[int, int]]) -> list[Target]:
    """Windows around the values of these ranks in a sample."""
    places = min(PLACES, stream.rows)
    rows = max(1, min(SAMPLE // places // stream.length, stream.rows // places))
    seen = sample(stream, measure, rows, places)
    targets = []
    for m, rank in wanted:
        at = min(rank * seen.shape[1] // stream.weights, seen.shape[1] - 1)
        bits = int(np.partition(seen[m], at)[at].view(np.uint32))
        targets.append(Target(m, rank, max(0, bits - WINDOW // 2)))
    return targets


def located(stream: Stream, measure: Measure, wanted: list[tuple[int, int]]) -> list[Target]:
    """Windows that hold the values of these ranks, by a count of all values."""
    bins: dict[int, I64] = {m: np.zeros(BINS, np.int64) for m, _ in wanted}
    for first, x in stream.chunks():
        values = measure(x, first)
        for m, counts in bins.items():
            count_bins(values[m], counts)
    return [
        Target(m, rank, int(np.searchsorted(np.cumsum(bins[m]), rank, "right")) << LOW_BITS)
        for m, rank in wanted
    ]


def search(stream: Stream, measure: Measure, targets: list[Target]) -> dict[tuple[int, int], float]:
    """The values that lie in their targets' windows."""
    windows = [np.zeros(WINDOW, np.int64) for _ in targets]
    below = [0] * len(targets)
    for first, x in stream.chunks():
        values = measure(x, first)
        for i, target in enumerate(targets):
            below[i] += count_window(values[target.measure], np.uint32(target.start), windows[i])
    found = {}
    for target, window, less in zip(targets, windows, below, strict=True):
        place = int(np.searchsorted(np.cumsum(window), target.rank - less, "right"))
        if target.rank >= less and place < WINDOW:
            value = np.uint32(target.start + place).view(np.float32)
            found[target.measure, target.rank] = float(value)
    return found
