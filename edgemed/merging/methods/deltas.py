"""The one method behind task arithmetic, TIES, DARE, DELLA and breadcrumbs.

    x_0 + lambda sum w_i trim(d_i)        d_i = x_i - x_0

Every delta is trimmed (how: a row of a table below), the trimmed deltas are added, all of them or
only those of the elected sign, and the sum may be divided by the weights that took part.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from edgemed_native import delta_kernels, mix, rank_kernels
from edgemed_native.philox import GROUP
from edgemed_native.sum_kernels import add_magnitudes

from edgemed.merging.methods.schema import Each, Shares
from edgemed.merging.methods.select import (
    INFINITE_BITS,
    Border,
    Ranked,
    borders,
    order_statistics,
)
from edgemed.merging.methods.stream import F32, F64, Mix, Stream, weighted

U32 = np.uint32
NUMBERS = 65536
"""Random numbers have this many values, which limits the precision of a kept share."""

ALL_BELOW = Border(INFINITE_BITS, 0)
"""A border above all finite numbers."""
NOTHING = Border(INFINITE_BITS, 0)
"""A border below all of them."""
TINY = 1e-7
"""A delta whose sum of magnitudes is below this is not rescaled."""


class Trim(NamedTuple):
    """One way to thin out a delta, in place.

    `keep(d f32[rows, length], first row, scale)` zeroes what is dropped and scales the rest;
    `magnitudes(d, first row, totals f64[2, 256])` adds |d| of all elements, and of what would be
    kept, to partial sums that do not depend on chunks (None: by keeping, then adding).
    """

    keep: Callable[[F32, int, np.float32], None]
    magnitudes: Callable[[F32, int, F64], None] | None = None


Trims = Sequence[Trim | None]
"""One for each model; None keeps all of the delta."""


def task_vectors(
    stream: Stream,
    trims: Trims,
    elect: bool,
    *,
    weight: Each,
    lambda_: float = 1.0,
    normalize: bool,
    rescale: bool,
) -> Mix:
    """x_0 + lambda sum w_i trim(d_i), by elected signs and divided by weights as asked.

    `rescale`: a trimmed delta is scaled to have the sum of magnitudes that it had before.
    """
    total = math.fsum(weight)
    divisor = total if normalize and abs(total) >= 1e-8 else 1.0
    factors = tuple(lambda_ * w / divisor for w in weight)
    if not elect and all(trim is None for trim in trims):
        return weighted((math.fsum((1.0, *(-f for f in factors))), *factors), True)
    scales = rescaling(stream, trims) if rescale else (1.0,) * len(trims)
    if elect:
        return Mix(partial(blend_elected, trims, scales, weight, normalize, lambda_))
    return Mix(partial(blend_all, trims, scales, factors))


def trimmed(trims: Trims, scales: Sequence[float], x: F32, first: int) -> F32:
    """x[1:] become trimmed deltas; x as f32[sources, elements]."""
    flat = x.reshape(len(x), -1)
    delta_kernels.subtract_base(flat)
    for i, trim in enumerate(trims):
        if trim is not None:
            trim.keep(x[i + 1], first, np.float32(scales[i]))
    return flat


def blend_elected(
    trims: Trims,
    scales: Sequence[float],
    weight: Each,
    normalize: bool,
    scale: float,
    x: F32,
    first: int,
) -> None:
    """Sum the deltas whose sign is that of their weighted sum (TIES)."""
    flat = trimmed(trims, scales, x, first)
    votes = np.array(weight, np.float32)
    delta_kernels.elect(flat, votes, votes, normalize, np.float32(scale))


def blend_all(trims: Trims, scales: Sequence[float], factors: Each, x: F32, first: int) -> None:
    """Sum all deltas."""
    trimmed(trims, scales, x, first)
    for i, factor in enumerate(factors):
        mix.weighted(x[0], x[i + 1], 1.0, factor, x[0])


def blend_agreed(trims: Trims, weight: Each, consensus: float, x: F32, first: int) -> None:
    """Add sum w d where its magnitude is at least `consensus` of the sum of magnitudes."""
    flat = trimmed(trims, (1.0,) * len(trims), x, first)
    delta_kernels.add_agreed(flat, np.array(weight, np.float32), np.float32(consensus))


def rescaling(stream: Stream, trims: Trims) -> tuple[float, ...]:
    """For every model the sum of |d| by what is left of it after trimming."""
    if all(trim is None for trim in trims):
        return (1.0,) * len(trims)
    totals = np.zeros((len(trims), 2, GROUP))
    for first, x in stream.chunks():
        delta_kernels.subtract_base(x.reshape(len(x), -1))
        for i, trim in enumerate(trims):
            if trim is not None:
                (trim.magnitudes or partial(before_and_after, trim))(x[i + 1], first, totals[i])
    sums = [(math.fsum(before), math.fsum(after)) for before, after in totals]
    return tuple(b / a if b >= TINY and a >= TINY else 1.0 for b, a in sums)


def before_and_after(trim: Trim, d: F32, first: int, totals: F64) -> None:
    """Add the magnitudes of all rows, and of what `trim` keeps of them."""
    for i in range(2):
        add_magnitudes(d[None], totals[i, :1])
        if i == 0:
            trim.keep(d, first, np.float32(1.0))


def by_magnitude(stream: Stream, *, density: Shares = (1.0,)) -> list[Trim | None]:
    """Keep the int(density n) largest of every delta of n elements (TIES, arXiv 2306.01708)."""
    return bands(stream, [(0, int(d * stream.weights)) if d < 1.0 else None for d in density])


def without_outliers(
    stream: Stream, *, density: Shares = (1.0,), gamma: Shares = (0.01,)
) -> list[Trim | None]:
    """Drop the int(gamma n) largest of every delta, then the smallest, until int(density n) of it
    are left; fewer of the largest where too few were left (model breadcrumbs, arXiv 2312.06795)."""
    cuts = []
    for share, outliers in zip(density, gamma, strict=True):
        kept = int(share * stream.weights)
        top = min(int(outliers * stream.weights), stream.weights - kept)
        cuts.append((top, kept) if share < 1.0 else None)
    return bands(stream, cuts)


def bands(stream: Stream, cuts: Sequence[tuple[int, int] | None]) -> list[Trim | None]:
    """Trims that leave out so many of the largest elements and keep so many after them; None: all.

    Among equals the lowest index counts as the largest, so that exactly as many are kept as asked.
    """
    n = stream.weights
    ranks = [ranks_of(n, *cut) if cut is not None else [] for cut in cuts]
    found = order_statistics(stream, magnitudes, ranks) if any(ranks) else [[]] * len(ranks)
    wanted = [edges(n, *(cut or (0, 0)), own) for cut, own in zip(cuts, found, strict=True)]
    ends = iter(borders(stream, magnitudes, list(chain.from_iterable(wanted))))
    return [
        None if cut is None else band(stream.length, [next(ends) for _ in own])
        for cut, own in zip(cuts, wanted, strict=True)
    ]


def ranks_of(n: int, top: int, kept: int) -> list[int]:
    """Ascending ranks of the smallest element that is kept and, if any is left out above, of the
    largest."""
    return [n - top - kept, *([n - 1 - top] if top else [])] if kept else []


def edges(n: int, top: int, kept: int, found: Sequence[Ranked]) -> list[tuple[Ranked, int]]:
    """The values of those ranks, each with how many of the elements equal to it count as larger."""
    return [
        (one, larger - (n - one.below - one.equal))
        for one, larger in zip(found, (top + kept, top), strict=False)
    ]


def band(length: int, ends: Sequence[Border]) -> Trim:
    """The trim between the borders of those ranks; nothing where none is to be kept."""
    least, most = [*ends, ALL_BELOW][:2] if ends else (NOTHING, ALL_BELOW)
    return Trim(partial(keep_band, length, least, most))


def magnitudes(x: F32, first: int) -> F32:
    """Deltas as a measure: signs are ignored."""
    flat: F32 = x.reshape(len(x), -1)
    delta_kernels.subtract_base(flat)
    return flat[1:]


def keep_band(
    length: int, least: Border, most: Border, d: F32, first: int, scale: np.float32
) -> None:
    """Keep what is above `least` or, before its index, equal to it; but nothing that is above
    `most` or, before its index, equal to it."""
    flat = d.reshape(-1)
    start = first * length
    cuts = sorted(min(max(b.place - start, 0), flat.size) for b in (least, most))
    for at, end in pairwise((0, *cuts, flat.size)):
        if at < end:
            low = least.bits + (start + at >= least.place)
            high = most.bits - (start + at < most.place)
            low, high = (low, high) if high >= 0 else (1, 0)
            delta_kernels.keep_between(flat[at:end], U32(low), U32(high), scale)


def at_random(stream: Stream, *, density: Shares = (1.0,)) -> list[Trim | None]:
    """Keep every element with probability `density` (DARE, arXiv 2311.03099)."""
    return [random_trim(stream, i, d) if d < 1.0 else None for i, d in enumerate(density)]


def random_trim(stream: Stream, model: int, density: float) -> Trim:
    where = (stream.length, stream.key(model), U32(round(density * NUMBERS)))
    return Trim(partial(keep_some, *where), partial(add_some, *where))


def keep_some(length: int, key: U32, limit: U32, d: F32, first: int, scale: np.float32) -> None:
    delta_kernels.keep_random(d.reshape(-1), np.uint64(first * length), key, limit, scale)


def add_some(length: int, key: U32, limit: U32, d: F32, first: int, totals: F64) -> None:
    at = np.uint64(first * length)
    delta_kernels.add_kept_magnitudes(d.reshape(-1), at, key, limit, totals)


def by_rank(
    stream: Stream, *, density: Shares = (1.0,), epsilon: Shares = (0.15,)
) -> list[Trim | None]:
    """Keep the smallest element of a row with probability density - epsilon, the largest with
    density + epsilon, the others by rank between (DELLA, arXiv 2406.11617)."""
    return [
        Trim(partial(keep_ranked, stream.length, stream.key(i), d, e)) if d < 1.0 else None
        for i, (d, e) in enumerate(zip(density, epsilon, strict=True))
    ]


def keep_ranked(
    length: int, key: U32, density: float, epsilon: float, d: F32, first: int, scale: np.float32
) -> None:
    at = np.uint64(first * length)
    rank_kernels.keep_by_rank(d, at, key, density, epsilon, scale)
