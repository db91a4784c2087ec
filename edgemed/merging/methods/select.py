"""Exact order statistics of a measure over a whole tensor, mostly in one streamed pass.

A sample guesses where the value lies; a pass then counts what is below a window around the guess,
and collects the values in the window, or counts them by all of their bits where they are many.
Where the guess was wrong, two more passes find the window. The result is exact either way: the
sample decides only how long it takes.

Where many values are equal, a rank alone does not say which of them are meant: `border` finds the
element, by its index in the tensor, at which as many of them as are wanted have passed.
"""

import math
from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from edgemed_native.select_kernels import (
    BINS,
    LOW_BITS,
    collect_window,
    count_bins,
    count_window,
    find_equal,
)
from numpy.typing import NDArray

from edgemed.merging.methods.stream import F32, Stream

I64 = NDArray[np.int64]

Measure = Callable[[F32, int], F32]
"""(x f32[sources, rows, length], first row) -> f32[measures, rows * length]; signs do not count."""

SAMPLE = 1 << 18
"""Elements in a sample at most; of small tensors one in 16."""

PLACES = 64
WEIGHTS_PER_PLACE = 1 << 16
DOUBT = 4.0
"""The window spans this many standard errors around the value's rank in the sample, from
how places differ from each other."""

WIDEST = 32
"""Bins of a window at most."""

NO_WINDOW = np.empty(0, np.int32)

ROOM = WIDEST << LOW_BITS
"""Values that a window collects at most, as many as the counts of the widest. Collected, they tell
near which chunk an element is; of counted ones a second pass has to find it."""

STATE_BYTES = 4 * ROOM + 2 * 8 * BINS + 4 * SAMPLE
"""Bytes that one order statistic keeps while it works: a window, bins and their running sum, a
sample."""


class RankedValue(NamedTuple):
    """The value of ascending `rank` (0 the smallest) of a measure, expected to have the bits of one
    of `bins` bins from the bin `first`, together with about `beside` other values."""

    measure: int
    rank: int
    first: int
    bins: int
    beside: int


class Ranked(NamedTuple):
    """The bits of the value of some rank, how many values are below it and how many equal it."""

    bits: int
    below: int
    equal: int
    window: "Window"

    @property
    def value(self) -> float:
        return float(np.uint32(self.bits).view(np.float32))


class Border(NamedTuple):
    """A value by its bits, and the index in the tensor that parts the elements equal to it."""

    bits: int
    place: int


INFINITE_BITS = 0x7F800000
NOWHERE = 2**63 - 1
"""An index after the last element."""


def order_statistics(
    stream: Stream, measure: Measure, ranks: Sequence[Sequence[int]]
) -> list[list[Ranked]]:
    """For every measure the values of these ascending ranks."""
    wanted = [(m, rank) for m, some in enumerate(ranks) for rank in some]
    found = search(stream, measure, guesses(stream, measure, wanted))
    missed = [target for target in wanted if target not in found]
    if missed:
        found |= search(stream, measure, located(stream, measure, missed))
    return [[found[m, rank] for rank in some] for m, some in enumerate(ranks)]


def border(stream: Stream, measure: Measure, found: Ranked, first: int) -> Border:
    """`first` of the elements equal to the value found are before the border: those of the lowest
    indices."""
    return borders(stream, measure, [(found, first)])[0]


def borders(stream: Stream, measure: Measure, wanted: Sequence[tuple[Ranked, int]]) -> list[Border]:
    """`border` of several; those that need a pass from the same chunk on share it."""
    passes: dict[int, dict[int, int]] = {}
    for i, (found, first) in enumerate(wanted):
        if first < found.equal:
            chunk, number = found.window.chunk_of(found.bits, first)
            passes.setdefault(chunk, {})[i] = number
    places: dict[int, int] = {}
    for chunk, numbers in passes.items():
        places |= places_of(stream, measure, chunk, [found for found, _ in wanted], numbers)
    return [Border(found.bits, places.get(i, NOWHERE)) for i, (found, _) in enumerate(wanted)]


def places_of(
    stream: Stream, measure: Measure, chunk: int, found: Sequence[Ranked], numbers: dict[int, int]
) -> dict[int, int]:
    """The indices in the tensor of elements equal to the values found, by a pass from a chunk on.

    `numbers`: for some of `found`, by position, which of the equal elements from there on.
    """
    places: dict[int, int] = {}
    for row, x in stream.chunks(chunk):
        values = measure(x, row)
        for i, number in list(numbers.items()):
            own = values[found[i].window.target.measure]
            at, seen = find_equal(own, np.uint32(found[i].bits), number)
            if at >= 0:
                places[i] = row * stream.length + at
                del numbers[i]
            else:
                numbers[i] = number - seen
        if not numbers:
            return places
    raise AssertionError("an element that was counted was not found")


def order_statistic_beside_zeros(
    stream: Stream, measure: Measure, rank: Callable[[int], int]
) -> tuple[Ranked, int]:
    """The value of a rank that depends on how many values are zero, and how many are.

    For the first measure. Zeros are counted in the same pass, and guessed before it.
    """
    zeros = 0

    def counting(x: F32, first: int) -> F32:
        nonlocal zeros
        values = measure(x, first)
        zeros += count_window(values[0], np.uint32(1), NO_WINDOW)
        return values

    sample = sampled(stream, measure)
    seen = int(np.count_nonzero(sample[0] == 0.0))
    wanted = (0, rank(seen * stream.weights // sample[0].size))
    (window,) = [Window(t, stream.weights) for t in guesses_in(stream, sample, [wanted])]
    for first, x in stream.chunks():
        window.add(counting(x, first)[0])
    found = window.find(rank(zeros))
    if found is None:
        found = order_statistics(stream, measure, [[rank(zeros)]])[0][0]
    return found, zeros


def guesses(stream: Stream, measure: Measure, wanted: list[tuple[int, int]]) -> list[RankedValue]:
    """Windows around the values of these ranks in a sample of rows, evenly spread."""
    return guesses_in(stream, sampled(stream, measure), wanted)


def guesses_in(
    stream: Stream, sample: NDArray[np.float32], wanted: list[tuple[int, int]]
) -> list[RankedValue]:
    """Windows around the values of these ranks. sample f32[measures, places, elements]."""
    running: dict[int, I64] = {}
    for m in dict.fromkeys(m for m, _ in wanted):
        bins = np.zeros(BINS, np.int64)
        count_bins(sample[m].reshape(-1), bins)
        running[m] = np.cumsum(bins)
    return [guess(m, rank, stream.weights, sample[m], running[m]) for m, rank in wanted]


def sampled(stream: Stream, measure: Measure) -> NDArray[np.float32]:
    """f32[measures, places, elements]: runs of rows from evenly spread places."""
    wanted = min(SAMPLE, stream.weights // 16)
    places = min(PLACES, stream.rows, max(8, stream.weights // WEIGHTS_PER_PLACE))
    rows = min(max(1, wanted // places // stream.length), stream.at_once, stream.rows // places)
    starts = [place * (stream.rows - rows) // max(places - 1, 1) for place in range(places)]
    return np.stack([measure(stream.read(first, rows), first).copy() for first in starts], axis=1)


def guess(
    m: int, rank: int, weights: int, sample: NDArray[np.float32], running: I64
) -> RankedValue:
    """The window for one rank. sample f32[places, elements]; running: up to and with each bin."""
    place = rank * sample.size // weights
    middle = bin_of(running, place)
    border = np.uint32(middle << LOW_BITS).view(np.float32)
    shares = (np.abs(sample) < border).mean(axis=1)
    error = float(shares.std()) / math.sqrt(len(shares)) + 1.0 / math.sqrt(
        len(shares) * sample.size
    )
    doubt = int(DOUBT * error * sample.size)
    low, high = bin_of(running, place - doubt), bin_of(running, place + doubt)
    if high >= low + WIDEST:
        low = max(0, middle - WIDEST // 2)
        high = low + WIDEST - 1
    return target(m, rank, (low, min(high, BINS - 1)), running, weights)


def target(m: int, rank: int, ends: tuple[int, int], running: I64, weights: int) -> RankedValue:
    """The target in a window of bins, from counts of so many (or a sample) of the weights."""
    low, high = ends
    inside = int(running[high]) - (int(running[low - 1]) if low else 0)
    return RankedValue(m, rank, low, high + 1 - low, inside * weights // int(running[-1]))


def add_to_bins(values: F32, bins: dict[int, I64]) -> None:
    """Count the values of every measure that has bins."""
    for m, counts in bins.items():
        count_bins(values[m], counts)


def bin_of(running: I64, rank: int) -> int:
    """The bin that holds the value of this rank. running: how many values up to and with each."""
    return int(np.searchsorted(running, rank, "right"))


def located(stream: Stream, measure: Measure, wanted: list[tuple[int, int]]) -> list[RankedValue]:
    """Windows that hold the values of these ranks, by a count of all values."""
    bins: dict[int, I64] = {m: np.zeros(BINS, np.int64) for m, _ in wanted}
    for first, x in stream.chunks():
        add_to_bins(measure(x, first), bins)
    running = {m: np.cumsum(counts) for m, counts in bins.items()}
    ends = {(m, rank): bin_of(running[m], rank) for m, rank in wanted}
    return [target(m, rank, (at, at), running[m], stream.weights) for (m, rank), at in ends.items()]


def search(
    stream: Stream, measure: Measure, targets: list[RankedValue]
) -> dict[tuple[int, int], Ranked]:
    """The values that lie in their targets' windows."""
    windows = [Window(target, stream.weights) for target in targets]
    for first, x in stream.chunks():
        values = measure(x, first)
        for window in windows:
            window.add(values[window.target.measure])
    return {
        (window.target.measure, window.target.rank): found
        for window in windows
        if (found := window.find(window.target.rank)) is not None
    }


class Window:
    """The values of a measure in a target's window, collected or counted by their bits."""

    def __init__(self, target: RankedValue, weights: int) -> None:
        self.target = target
        self._start = np.uint32(target.first << LOW_BITS)
        self._size = np.uint32(target.bins << LOW_BITS)
        self._below, self._count = 0, 0
        few = min(weights, 2 * target.beside + 1024) <= ROOM
        self._values = np.empty(min(weights, ROOM), np.uint32) if few else None
        self._ends = array("q")  # how many had been collected after each chunk
        counts = np.int32 if weights < 2**31 else np.int64
        self._counts = np.zeros(0 if self._values is not None else self._size, counts)

    def add(self, values: F32) -> None:
        """Take the values f32[n] of one chunk."""
        if self._values is None:
            self._below += count_window(values, self._start, self._counts)
            return
        below, self._count = collect_window(
            values, self._start, self._size, self._values, self._count
        )
        self._below += below
        self._ends.append(self._count)

    def find(self, rank: int) -> Ranked | None:
        """The value of this rank; None if it lies outside the window, or there were too many. Call
        it once."""
        rank -= self._below
        if self._values is not None:
            return self._among_collected(rank)
        running = np.cumsum(self._counts, out=self._counts)
        place = int(np.searchsorted(running, rank, "right"))
        if rank < 0 or place == running.size:
            return None
        below = int(running[place - 1]) if place else 0
        equal = int(running[place]) - below
        self._counts = np.zeros(0, np.int64)
        return Ranked(int(self._start) + place, self._below + below, equal, self)

    def _among_collected(self, rank: int) -> Ranked | None:
        assert self._values is not None
        if not 0 <= rank < self._count <= self._values.size:
            return None
        values = self._values[: self._count]
        bits = np.partition(values, rank)[rank]
        below, equal = int((values < bits).sum()), int((values == bits).sum())
        return Ranked(int(bits), self._below + below, equal, self)

    def chunk_of(self, bits: int, number: int) -> tuple[int, int]:
        """The chunk that holds equal element number `number`, or one before it; and its number from
        there on."""
        if self._values is None:
            return 0, number
        start = 0
        for chunk, end in enumerate(self._ends):
            values = self._values[start:end].view(np.float32)
            at, seen = find_equal(values, np.uint32(bits), number)
            if at >= 0:
                return chunk, number
            number, start = number - seen, end
        raise AssertionError("an element that was collected was not found")
