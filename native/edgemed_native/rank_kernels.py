"""Which elements of a row DELLA keeps, by rank of magnitude and chance, mostly without sorting.

The higher an element's rank, the larger the limit that its random number must stay below. Counting
the row by bins of magnitude gives every rank within a few places, which decides nearly all
elements; the others are compared with the whole row. Nothing is checked here.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.delta_kernels import group_at
from edgemed_native.philox import GROUP, group_numbers
from edgemed_native.select_kernels import bits_of

F32 = np.float32
F64 = np.float64
U32 = np.uint32
U64 = np.uint64

BINS = 1024
SHIFT = 16
"""128 bins for every power of two below a row's largest magnitude, over eight powers."""

MOST = 24
"""Up to this many undecided elements are ranked one by one; with more, the row is sorted."""


@kernel
def keep_by_rank(d, first, key, density, epsilon, scale):
    """Keep element of rank r (0 smallest; equal ones by column) in its row of n with probability
    density - epsilon + 2 epsilon r / (n - 1), times scale; else 0. d f32[rows, n]."""
    rows, length = d.shape
    limits = np.empty(length, np.uint32)
    fill_limits(density, epsilon, limits)
    bits, numbers = np.empty(length, np.uint32), np.empty(length, np.uint32)
    group, kept = np.empty(GROUP, np.uint32), np.empty(length, np.float32)
    bins = np.empty((3, BINS), np.uint32)
    lows, highs = np.empty(length, np.uint32), np.empty(length, np.uint32)
    order, spare = np.empty(length, np.uint32), np.empty(length, np.uint32)
    for row in range(rows):
        top = fill_bits(d[row], bits)
        fill_numbers(U64(first) + U64(row) * U64(length), key, group, numbers)
        count_by_bins(bits, top, limits, bins)
        look_up(bits, top, bins, lows, highs)
        doubts = decide(numbers, lows, highs, scale, kept)
        if doubts > MOST:
            sort_by_bits(bits, order, spare)
            decide_by_order(numbers, limits, order, scale, kept)
        elif doubts > 0:
            decide_doubtful(bits, numbers, limits, lows, highs, scale, kept)
        multiply(d[row], kept)


@inner
def fill_limits(density, epsilon, limits):
    """The limit, of 65,536, that the random number of an element of each rank must stay below."""
    last = F64(max(limits.size - 1, 1))
    for rank in range(limits.size):
        share = density - epsilon + 2.0 * epsilon * (F64(rank) / last)
        limits[rank] = U32(share * 65536.0 + 0.5)


@inner
def fill_bits(d, bits):
    """bits = the bits of |d|; returns the largest."""
    top = U32(0)
    for at in range(d.size):
        bits[at] = bits_of(d[at])
        top = max(top, bits[at])
    return top


@inner
def fill_numbers(start, key, group, numbers):
    """The random numbers of the elements from the absolute index `start`."""
    at, size = U64(0), U64(numbers.size)
    while at < size:
        which, skip, count = group_at(start + at, size - at)
        if count == U64(GROUP):
            group_numbers(which, key, numbers[at : at + count])
        else:
            group_numbers(which, key, group)
            for lane in range(count):
                numbers[at + lane] = group[skip + lane]
        at += count


@inner
def bin_of(bits, top):
    """Bin 0 holds the largest magnitudes, the last bin all that are much smaller."""
    return min(U32(top - bits) >> U32(SHIFT), U32(BINS - 1))


@inner
def count_by_bins(bits, top, limits, bins):
    """bins[1] and bins[2] = the limits of the lowest and of the highest rank in every bin."""
    bins[0] = U32(0)
    for at in range(bits.size):
        bins[0, bin_of(bits[at], top)] += U32(1)
    rank = U32(0)
    for i in range(BINS - 1, -1, -1):
        bins[1, i] = limits[min(rank, U32(limits.size - 1))]
        rank = U32(rank + bins[0, i])
        bins[2, i] = limits[max(rank, U32(1)) - U32(1)]


@inner
def look_up(bits, top, bins, lows, highs):
    """The limits of every element's bin."""
    for at in range(bits.size):
        place = bin_of(bits[at], top)
        lows[at] = bins[1, place]
        highs[at] = bins[2, place]


@inner
def decide(numbers, lows, highs, scale, kept):
    """kept = scale or 0 where a bin's limits decide; returns how many elements are undecided."""
    doubts = U32(0)
    for at in range(numbers.size):
        kept[at] = scale if numbers[at] < lows[at] else F32(0.0)
        doubts += U32(1) if is_doubtful(numbers[at], lows[at], highs[at]) else U32(0)
    return doubts


@inner
def is_doubtful(number, low, high):
    """Whether low <= number < high, in one comparison: two would be two branches to predict."""
    return U32(number - low) < U32(high - low)


@inner
def decide_by_order(numbers, limits, order, scale, kept):
    for rank in range(order.size):
        kept[order[rank]] = scale if numbers[order[rank]] < limits[rank] else F32(0.0)


@inner
def decide_doubtful(bits, numbers, limits, lows, highs, scale, kept):
    for at in range(bits.size):
        if is_doubtful(numbers[at], lows[at], highs[at]):
            kept[at] = scale if numbers[at] < limits[rank_of(bits, at)] else F32(0.0)


@inner
def rank_of(bits, at):
    """How many elements are smaller, or equal and earlier in the row."""
    return count_below(bits[:at], U32(bits[at] + U32(1))) + count_below(bits[at + 1 :], bits[at])


@inner
def count_below(bits, limit):
    count = np.int32(0)
    for at in range(bits.size):
        count = np.int32(count + np.int32(1 if bits[at] < limit else 0))
    return count


@inner
def sort_by_bits(bits, order, spare):
    """order = columns, smallest first, equal ones by column: radix sort, 11 bits a pass."""
    counts = np.empty(2048, np.int64)
    for column in range(bits.size):
        spare[column] = U32(column)
    source, target = spare, order
    for shift in range(0, 33, 11):
        counts[:] = 0
        for column in range(bits.size):
            counts[(bits[column] >> U32(shift)) & U32(2047)] += 1
        total = 0
        for digit in range(2048):
            count = counts[digit]
            counts[digit] = total
            total += count
        for place in range(bits.size):
            column = source[place]
            digit = (bits[column] >> U32(shift)) & U32(2047)
            target[counts[digit]] = column
            counts[digit] += 1
        source, target = target, source


@inner
def multiply(d, kept):
    for at in range(d.size):
        d[at] = F32(d[at] * kept[at])
