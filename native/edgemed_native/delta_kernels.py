"""Arithmetic on differences of models, element by element. Nothing is checked here.

A dropped element is multiplied by zero, never replaced: so NaN and infinity stay visible.
No result depends on how a tensor is divided into calls.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.philox import GROUP, group_numbers

F32 = np.float32
F64 = np.float64
U32 = np.uint32
U64 = np.uint64

LANES = 512
"""Elements processed together, with a few kilobytes of sums."""


@kernel
def subtract_base(x):
    """x[i] -= x[0] for every i > 0. x f32[sources, n]."""
    for i in range(1, x.shape[0]):
        for at in range(x.shape[1]):
            x[i, at] = x[i, at] - x[0, at]


@kernel
def keep_between(d, low, high, scale):
    """d = scale d where the bits of |d| are from low to high, else 0. d f32[n]; low, high u32."""
    for at in range(d.size):
        bits = U32(F32(d[at]).view(U32) & U32(0x7FFFFFFF))
        d[at] = F32(d[at] * (scale if (bits >= low) & (bits <= high) else F32(0.0)))


@kernel
def keep_random(d, first, key, limit, scale):
    """d = scale d where the element's random number is below limit, else 0.

    d f32[n], element 0 has the absolute index `first` (u64); key u32; limit u32, up to 65,536.
    """
    numbers = np.empty(GROUP, np.uint32)
    at, size = U64(0), U64(d.size)
    while at < size:
        group, skip, count = group_at(first + at, size - at)
        group_numbers(group, key, numbers)
        keep_below(d[at : at + count], numbers[skip : skip + count], limit, scale)
        at += count


@kernel
def add_kept_magnitudes(d, first, key, limit, partials):
    """Add |d| to partials[0], and to partials[1] where `keep_random` would keep it.

    An element's absolute index alone decides to which of the 256 partial sums it is added.
    partials f64[2, 256].
    """
    numbers = np.empty(GROUP, np.uint32)
    at, size = U64(0), U64(d.size)
    while at < size:
        group, skip, count = group_at(first + at, size - at)
        group_numbers(group, key, numbers)
        end = skip + count
        add_kept(
            d[at : at + count],
            numbers[skip:end],
            limit,
            partials[0, skip:end],
            partials[1, skip:end],
        )
        at += count


@inner
def group_at(index, left):
    """The group of an absolute index, the position in it, and how many of `left` are in it."""
    group = U64(index) // U64(GROUP)
    skip = U64(index) - group * U64(GROUP)
    return group, skip, min(U64(GROUP) - skip, U64(left))


@inner
def keep_below(d, numbers, limit, scale):
    for lane in range(d.size):
        d[lane] = F32(d[lane] * (scale if numbers[lane] < limit else F32(0.0)))


@inner
def add_kept(d, numbers, limit, every, kept):
    for lane in range(d.size):
        size = F64(abs(d[lane]))
        every[lane] += size
        kept[lane] += size if numbers[lane] < limit else 0.0


@kernel
def elect(x, votes, weights, normalize, scale):
    """x[0] += scale times the sum of weight x[i] over the models on the elected side.

    The elected sign is that of the sum of vote x[i] (plus for zero); a model is on its side where
    its own vote x[i] has that sign. Where `normalize`, the sum is divided by those models' weights.
    x f32[1 + models, n], x[i] deltas; votes, weights f32[models].
    """
    models, size = weights.size, x.shape[1]
    total, kept, share = np.empty(LANES, F32), np.empty(LANES, F32), np.empty(LANES, F32)
    for at in range(0, size, LANES):
        n = min(LANES, size - at)
        total[:] = F32(0.0)
        kept[:] = F32(0.0)
        share[:] = F32(0.0)
        for i in range(models):
            add_weighted(x[i + 1, at : at + n], votes[i], total)
        for i in range(models):
            add_agreeing(x[i + 1, at : at + n], votes[i], weights[i], total, kept, share)
        if not normalize:
            share[:] = F32(1.0)
        add_elected(x[0, at : at + n], total, kept, share, scale)


@inner
def add_elected(out, total, kept, share, scale):
    for lane in range(out.size):
        finite = F32(total[lane] - total[lane])  # 0, or NaN if a delta is NaN or infinite
        divisor = share[lane] if share[lane] != F32(0.0) else F32(1.0)
        out[lane] = F32(out[lane] + F32(scale * F32(F32(kept[lane] / divisor) + finite)))


@kernel
def add_agreed(x, weights, least):
    """x[0] += sum of weight x[i] where its magnitude is at least `least` times the sum of
    magnitudes. x f32[1 + models, n]; weights f32[models]."""
    size = x.shape[1]
    total, apart = np.empty(LANES, F32), np.empty(LANES, F32)
    for at in range(0, size, LANES):
        n = min(LANES, size - at)
        total[:] = F32(0.0)
        apart[:] = F32(0.0)
        for i in range(weights.size):
            add_weighted(x[i + 1, at : at + n], weights[i], total)
            add_magnitude(x[i + 1, at : at + n], weights[i], apart)
        add_where_agreed(x[0, at : at + n], total, apart, least)


@inner
def add_where_agreed(out, total, apart, least):
    for lane in range(out.size):
        agreed = F32(1.0) if abs(total[lane]) >= F32(least * apart[lane]) else F32(0.0)
        out[lane] = F32(out[lane] + F32(total[lane] * agreed))


@inner
def add_magnitude(d, weight, total):
    for lane in range(d.size):
        total[lane] = F32(total[lane] + abs(F32(weight * d[lane])))


@inner
def add_weighted(d, weight, total):
    for lane in range(d.size):
        total[lane] = F32(total[lane] + F32(weight * d[lane]))


@inner
def add_agreeing(d, vote, weight, total, kept, share):
    for lane in range(d.size):
        sign = F32(1.0) if total[lane] >= F32(0.0) else F32(-1.0)
        agrees = F32(1.0) if F32(F32(vote * sign) * d[lane]) > F32(0.0) else F32(0.0)
        kept[lane] = F32(kept[lane] + F32(F32(weight * d[lane]) * agrees))
        share[lane] = F32(share[lane] + F32(weight * agrees))


@kernel
def near_swap(a, b, t):
    """a = k b + (1 - k) a with k = min(t / |a - b|, 1). f32[n], in place."""
    for at in range(a.size):
        gap = abs(F32(a[at] - b[at]))
        k = F32(t / gap) if gap > t else F32(1.0)
        a[at] = F32(F32(k * b[at]) + F32(F32(F32(1.0) - k) * a[at]))


@kernel
def unique_and_shared(x, epsilon, factors):
    """x[0] += deltas that only one model changed (by more than epsilon), times its factor, and the
    mean of those that several models changed. x f32[1 + models, n]; factors f32[models]."""
    models, size = factors.size, x.shape[1]
    count, total, own = np.empty(LANES, F32), np.empty(LANES, F32), np.empty(LANES, F32)
    for at in range(0, size, LANES):
        n = min(LANES, size - at)
        count[:] = F32(0.0)
        total[:] = F32(0.0)
        own[:] = F32(0.0)
        for i in range(models):
            add_changed(x[i + 1, at : at + n], epsilon, factors[i], count, total, own)
        add_own_or_mean(x[0, at : at + n], count, total, own)


@inner
def add_own_or_mean(out, count, total, own):
    for lane in range(out.size):
        mean = F32(total[lane] / max(count[lane], F32(1.0)))
        out[lane] = F32(out[lane] + (mean if count[lane] > F32(1.0) else own[lane]))


@inner
def add_changed(d, epsilon, factor, count, total, own):
    for lane in range(d.size):
        changed = F32(1.0) if abs(d[lane]) > epsilon else F32(0.0)
        kept = F32(d[lane] * changed)
        count[lane] = F32(count[lane] + changed)
        total[lane] = F32(total[lane] + kept)
        own[lane] = F32(own[lane] + F32(kept * factor))


@kernel
def count_changes(x, epsilon, counts):
    """counts[i, 0] += elements that only model i changed, counts[i, 1] += those that others changed
    too. x f32[1 + models, n]; counts i64[models, 2]."""
    models, size = counts.shape[0], x.shape[1]
    count = np.empty(LANES, F32)
    for at in range(0, size, LANES):
        n = min(LANES, size - at)
        count[:] = F32(0.0)
        for i in range(models):
            count_changed(x[i + 1, at : at + n], epsilon, count)
        for i in range(models):
            own, shared = count_own_and_shared(x[i + 1, at : at + n], epsilon, count)
            counts[i, 0] += own
            counts[i, 1] += shared


@inner
def count_changed(d, epsilon, count):
    for lane in range(d.size):
        count[lane] += F32(1.0) if abs(d[lane]) > epsilon else F32(0.0)


@inner
def count_own_and_shared(d, epsilon, count):
    own, shared = U32(0), U32(0)
    for lane in range(d.size):
        changed = U32(1) if abs(d[lane]) > epsilon else U32(0)
        own += changed if count[lane] == F32(1.0) else U32(0)
        shared += changed if count[lane] > F32(1.0) else U32(0)
    return own, shared


@kernel
def variance(x, out):
    """out = the variance of the deltas x[i] - x[0] at every element; out may be x[0].

    x f32[1 + models, n]; out f32[n].
    """
    deltas, spread = np.empty((x.shape[0] - 1, LANES), F32), np.empty(LANES, F32)
    mean = np.empty(LANES, F32)
    for at in range(0, x.shape[1], LANES):
        n = min(LANES, x.shape[1] - at)
        fill_variance(x, at, n, deltas, mean, spread)
        out[at : at + n] = spread[:n]


@kernel
def keep_varied(x, before, least, after):
    """x[i] = its delta x[i] - x[0] where the variance of the deltas is at least `least` (from
    element `before` on: `after`); else 0. NaN and infinity stay. x f32[1 + models, n]."""
    deltas, spread = np.empty((x.shape[0] - 1, LANES), F32), np.empty(LANES, F32)
    mean = np.empty(LANES, F32)
    for at in range(0, x.shape[1], LANES):
        n = min(LANES, x.shape[1] - at)
        fill_variance(x, at, n, deltas, mean, spread)
        part = min(max(before - at, 0), n)
        for i in range(deltas.shape[0]):
            put_where(x[i + 1, at : at + part], deltas[i], spread, least)
            put_where(x[i + 1, at + part : at + n], deltas[i, part:], spread[part:], after)


@inner
def fill_variance(x, at, n, deltas, mean, spread):
    """The deltas of n elements from `at`, f32[models, LANES], their mean and their variance."""
    models = deltas.shape[0]
    mean[:] = F32(0.0)
    spread[:] = F32(0.0)
    for i in range(models):
        put_difference(x[i + 1, at : at + n], x[0, at : at + n], deltas[i, :n])
        add_weighted(deltas[i, :n], F32(1.0), mean)
    divide(mean, F32(models))
    for i in range(models):
        add_squared_gaps(deltas[i, :n], mean, spread)
    divide(spread, F32(models))


@inner
def put_difference(a, b, out):
    for lane in range(out.size):
        out[lane] = F32(a[lane] - b[lane])


@inner
def put_where(out, d, measure, least):
    for lane in range(out.size):
        out[lane] = F32(d[lane] * (F32(1.0) if measure[lane] >= least else F32(0.0)))


@inner
def divide(values, divisor):
    for lane in range(values.size):
        values[lane] = F32(values[lane] / divisor)


@inner
def add_squared_gaps(d, mean, out):
    for lane in range(d.size):
        gap = F32(d[lane] - mean[lane])
        out[lane] = F32(out[lane] + F32(gap * gap))


@kernel
def add_where(x, factors, least):
    """x[0] becomes x[1] where |x[1] - x[0]| times the row's factor is at least `least`; a NaN in
    either stays. x f32[2, rows, n]; factors f32[rows]."""
    for row in range(x.shape[1]):
        for c in range(x.shape[2]):
            gap = F32(x[1, row, c] - x[0, row, c])
            taken = F32(1.0) if F32(abs(gap) * factors[row]) >= least else F32(0.0)
            x[0, row, c] = F32(x[0, row, c] + F32(gap * taken))
