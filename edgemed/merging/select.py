"""Exact order statistics of a measure over a whole tensor, mostly in one streamed pass.

A sample guesses where the value lies; a pass then counts what is below a window around the guess,
and every value in the window by all of its bits. Where the guess was wrong, two more passes find
the window. The result is exact either way: the sample decides only how long it takes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from edgemed_native.select_kernels import BINS, LOW_BITS, count_bins, count_window
from numpy.typing import NDArray

from edgemed.merging.stream import F32, Stream

I64 = NDArray[np.int64]

Measure = Callable[[F32, int], F32]
"""(x f32[sources, rows, length], first row) -> f32[measures, rows * length]; signs do not count."""

SAMPLE = 1 << 18
PLACES = 64
DOUBT = 0.01
"""A guess is that the value's rank is within one per cent of the rank in the sample."""

WIDEST = 64
"""Bins of a window at most."""

STATE_BYTES = 4 * (WIDEST << LOW_BITS) + 2 * 8 * BINS
"""What one order statistic keeps meanwhile: a window, bins, and a running sum of them."""


class Target(NamedTuple):
    """The value of ascending `rank` (0 the smallest) of a measure, expected to have the bits of one
    of `bins` bins from the bin `first`."""

    measure: int
    rank: int
    first: int
    bins: int


def order_statistics(
    stream: Stream, measure: Measure, ranks: Sequence[Sequence[int]]
) -> list[list[float]]:
    """For every measure the values of these ascending ranks."""
    wanted = [(m, rank) for m, some in enumerate(ranks) for rank in some]
    found = search(stream, measure, guesses(stream, measure, wanted))
    missed = [target for target in wanted if target not in found]
    if missed:
        found |= search(stream, measure, located(stream, measure, missed))
    return [[found[m, rank] for rank in some] for m, some in enumerate(ranks)]


def guesses(stream: Stream, measure: Measure, wanted: list[tuple[int, int]]) -> list[Target]:
    """Windows around the values of these ranks in a sample of rows, evenly spread."""
    places = min(PLACES, stream.rows)
    rows = min(max(1, SAMPLE // places // stream.length), stream.at_once, stream.rows // places)
    bins: dict[int, I64] = {m: np.zeros(BINS, np.int64) for m, _ in wanted}
    for place in range(places):
        first = place * (stream.rows - rows) // max(places - 1, 1)
        add_to_bins(measure(stream.read(first, rows), first), bins)
    seen = places * rows * stream.length
    targets = []
    for m, rank in wanted:
        middle = rank * seen // stream.weights
        low, high = (bin_of(bins[m], middle + int(d * seen)) for d in (-DOUBT, DOUBT))
        size = min(high + 1, BINS) - low
        if size > WIDEST:
            low, size = max(0, bin_of(bins[m], middle) - WIDEST // 2), WIDEST
        targets.append(Target(m, rank, low, size))
    return targets


def add_to_bins(values: F32, bins: dict[int, I64]) -> None:
    """Count the values of every measure that has bins."""
    for m, counts in bins.items():
        count_bins(values[m], counts)


def bin_of(counts: I64, rank: int) -> int:
    """The bin that holds the value of this rank."""
    return int(np.searchsorted(np.cumsum(counts), rank, "right"))


def located(stream: Stream, measure: Measure, wanted: list[tuple[int, int]]) -> list[Target]:
    """Windows that hold the values of these ranks, by a count of all values."""
    bins: dict[int, I64] = {m: np.zeros(BINS, np.int64) for m, _ in wanted}
    for first, x in stream.chunks():
        add_to_bins(measure(x, first), bins)
    return [Target(m, rank, bin_of(bins[m], rank), 1) for m, rank in wanted]


def search(stream: Stream, measure: Measure, targets: list[Target]) -> dict[tuple[int, int], float]:
    """The values that lie in their targets' windows."""
    counts = np.int32 if stream.weights < 2**31 else np.int64
    windows = [np.zeros(target.bins << LOW_BITS, counts) for target in targets]
    below = [0] * len(targets)
    for first, x in stream.chunks():
        values = measure(x, first)
        for i, target in enumerate(targets):
            start = np.uint32(target.first << LOW_BITS)
            below[i] += count_window(values[target.measure], start, windows[i])
    found = {}
    for target, window, less in zip(targets, windows, below, strict=True):
        place = int(np.searchsorted(np.cumsum(window, out=window), target.rank - less, "right"))
        if target.rank >= less and place < window.size:
            bits = np.uint32((target.first << LOW_BITS) + place)
            found[target.measure, target.rank] = float(bits.view(np.float32))
    return found
