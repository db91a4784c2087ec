"""The encoders once more, without lanes: whole arrays, one step after the other, plain layouts.

Every function works on x f32[blocks, parts, width] at once; sums run over the width in order, in
float32, with one rounding where the kernels ask for fma. The bytes must be equal. w are the weights
of errors, of the shape of x.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = np.float32
F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

TOPS = {"Q2_K": (3, 15), "Q4_K": (15, 63), "Q5_K": (31, 63)}  # highest code, highest scale
SCALE_PLANS = {
    "Q2_K": np.arange(15, 10, -0.5),
    "Q4_K": np.arange(63, 55, -1),
    "Q5_K": np.arange(63, 55, -1),
}
GRIDS = {
    "Q2_K": [(a, b) for b in (-0.35, 0.0, 0.35) for a in (-0.5, 0.5)],
    "Q2_K under importances": [(a, b) for b in (-0.35, 0.0, 0.35) for a in (-0.6, 0.1, 0.9)],
    "Q4_K": [(a, b) for b in (-0.3, 0.0, 0.3) for a in (-0.9, -0.4, 0.1, 0.6)],
    "Q5_K": [(a, b) for b in (-0.3, 0.0, 0.3) for a in (-1.2, -0.3, 0.6)],
}


def encode(name: str, x: F32, importances: F32 | None = None) -> U8:
    """x f32[rows, n] -> u8[rows, bytes] for a K-quant; importances f32[n] of columns."""
    width = 32 if name in ("Q4_K", "Q5_K") else 16
    with np.errstate(all="ignore"):
        parts = x.reshape(-1, 256 // width, width)
        if importances is None:
            w = own_weights(name, parts)
        else:
            w = SPREADS[name](x, importances).reshape(parts.shape)
        if name == "Q3_K":
            packed = _q3_k(parts, w, importances is not None)
        else:
            by_codes = name == "Q2_K" and importances is not None
            packed = _q6_k(parts, w) if name == "Q6_K" else _affine(name, parts, w, by_codes)
    return packed.reshape(len(x), -1)


def own_weights(name: str, x: F32) -> F32:
    """Where no importances are known."""
    mean = (sum_of(x, x) * F(1 / x.shape[-1]))[..., None]
    return fma(x, x, mean) if name in ("Q3_K", "Q6_K") else np.sqrt(mean) + abs(x)


def spread_over(width: int, factor: int) -> Callable[[F32, F32], F32]:
    """Weights under importances: a sqrt(factor * mean square of `width` columns + x^2)."""

    def weights(x: F32, importances: F32) -> F32:
        blocks = x.reshape(len(x), -1, width)
        spread = sum_of(blocks, blocks)[..., None] * F(factor / width)
        return normal(importances) * np.sqrt(fma(blocks, blocks, spread)).reshape(x.shape)

    return weights


def normal(importances: F32) -> F32:
    """Between 0 and 1 by a power of two, and at least 2^-30."""
    scaled = importances * F(2.0 ** -np.frexp(importances.max())[1])
    return np.maximum(scaled, F(2.0**-30))


SPREADS = {
    "Q2_K": spread_over(256, 1),
    "Q3_K": spread_over(256, 2),
    "Q4_K": spread_over(256, 2),
    "Q5_K": spread_over(256, 2),
    "Q6_K": lambda x, importances: np.broadcast_to(normal(importances), x.shape),
}


def exact_fma(a: float, b: float, c: float) -> np.float32:
    """a b + c rounded once, through fractions: the truth for finite numbers, one at a time."""
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    near = F(float(exact))
    around = [np.nextafter(near, F(-np.inf)), near, np.nextafter(near, F(np.inf))]
    return min(around, key=lambda f: (abs(Fraction(float(f)) - exact), int(f.view(np.uint32)) & 1))


def fma(a: F32, b: F32, c: F32) -> F32:
    """a b + c with one rounding: the extended precision sum is made odd where it is not exact."""
    product, c = a.astype(np.float64) * b, np.asarray(c, np.float64)
    total = product + c
    part = total - product
    lost = (product - (total - part)) + (c - part)
    odd = total.view(np.int64) & 1 == 1
    toward = np.nextafter(total, np.where(lost > 0, np.inf, -np.inf))
    return np.where((lost == 0) | odd | ~np.isfinite(total), total, toward).astype(F)


def inverse(x: F32) -> F32:
    return np.where(x != 0, F(1) / x, F(0))


def codes(x: F32, lowest: int, highest: int) -> F32:
    """Rounded to even and cut; NaN becomes the lowest."""
    return np.rint(np.clip(np.where(np.isnan(x), F(lowest), x), F(lowest), F(highest)))


def half(x: F32) -> F32:
    """As float32; NaN becomes infinite, and what would vanish the least half."""
    rounded = x.astype(np.float16).astype(F)
    rounded = np.where((rounded == 0) & (x != 0), np.copysign(F(2.0**-24), x), rounded)
    return np.where(np.isnan(rounded), F(np.inf), rounded)


def sum_of(a: F32, b: F32) -> F32:
    """Sum of a * b over the last axis, in order."""
    total = np.zeros(a.shape[:-1], F)
    for i in range(a.shape[-1]):
        total = fma(a[..., i], b[..., i], total)
    return total


def scale_step(values: F32, weights: F32, lowest: int, highest: int, plan: NDArray[Any]) -> F32:
    """The block scale, of a few, whose multiples lie nearest to the parts' values."""
    first = np.abs(values).argmax(1)
    most = np.take_along_axis(values, first[:, None], 1)[:, 0]
    best, least = half(most / F(plan[0])), np.full(len(most), np.inf, F)
    for divisor in plan:
        d = half(most / F(divisor))[:, None]
        off = d * codes(values * inverse(d), lowest, highest) - values
        error = sum_of(off * off, weights)
        best, least = np.where(error < least, d[:, 0], best), np.fmin(least, error)
    return best


def _affine(name: str, x: F32, w: F32, by_codes: bool) -> U8:
    top = TOPS[name][0]
    low = np.minimum(x.min(-1), F(0))
    y = x - low[..., None]
    w_sum, y_sum = sum_of(w, np.ones_like(w)), sum_of(w, y)
    step = np.where(x.max(-1) > low, F(1) / (x.max(-1) - low), F(0))
    best, scale, shift, q_sum, qq_sum, yq_sum = (np.zeros_like(low) for _ in range(6))
    for choice in [*GRIDS[f"{name} under importances" if by_codes else name], None]:
        if choice is None:
            over = inverse(scale)
            offset = np.where(-shift * over > F(-0.499), F(0) - shift * over, F(-0.499))
        else:
            over, offset = (F(top) + F(choice[0])) * step, np.full_like(low, F(choice[1]))
        q = fma(y, over[..., None], offset[..., None])
        q = np.rint(np.where(q < top, q, F(top)))
        sums = sum_of(w * q, np.ones_like(q)), sum_of(w * q, q), sum_of(w * q, y)
        gain, its_scale, its_shift = _fit(low, w_sum, y_sum, *sums)
        better = best < gain
        kept = (gain, its_scale, its_shift, *sums)
        held = (best, scale, shift, q_sum, qq_sum, yq_sum)
        best, scale, shift, q_sum, qq_sum, yq_sum = (
            np.where(better, new, old) for new, old in zip(kept, held, strict=True)
        )
    scale = np.where(np.maximum(x.max(-1) - low, -low) > F(2.0**40), F(np.inf), scale)
    sums = low, w_sum, y_sum, q_sum, qq_sum, yq_sum
    return _affine_block(name, x, scale, sums, w if by_codes else None)


def _fit(low: F32, w: F32, y: F32, q: F32, qq: F32, yq: F32) -> tuple[F32, F32, F32]:
    det = fma(w, qq, F(0) - q * q)
    shift = np.where(w * qq * F(2.0**-18) < det, (qq * y - q * yq) / det, -low)
    shift = np.where(shift < -low, shift, F(0) - low)
    scale = np.where(qq > 0, (yq - shift * q) / qq, F(0))
    gain = scale * (yq + yq - scale * qq - (shift + shift) * q)
    gain = gain + shift * (y + y - shift * w)
    return np.where(scale > 0, gain, F(0)), scale, shift


def code_error(x: F32, w: F32, scale: F32, lowest: int, highest: int) -> F32:
    """Weighted squared error of x ~ scale q with the best codes q."""
    off = x - scale[..., None] * codes(x * inverse(scale)[..., None], lowest, highest)
    return sum_of(off * off, w)


def _affine_block(name: str, x: F32, scale: F32, sums: tuple[F32, ...], judge: F32 | None) -> U8:
    """Whole scales and minima, then codes; scales are judged by new codes under `judge`, if any."""
    low, w, y, q, qq, yq = sums

    def minimum_for(rounded: F32) -> F32:
        free = (rounded * q - y) * inverse(w) - low
        return np.where(free > 0, free, F(0))

    def error_of(rounded: F32, minimum: F32) -> F32:
        shift = minimum + low
        if judge is not None:
            v = (x - low[..., None]) + shift[..., None]
            return code_error(v, judge, rounded, 0, TOPS[name][0])
        by_scale = rounded * qq - yq * F(2) - F(2) * shift * q
        return rounded * by_scale + shift * (shift * w + y * F(2))

    plan, (top, most) = SCALE_PLANS[name], TOPS[name]
    free = np.fmax(qq - q * q * inverse(w), F(0))
    d = scale_step(scale, np.where(minimum_for(scale) > 0, free, qq), 0, most, plan)[:, None]
    center = codes(scale * inverse(d), 0, most)
    dmin = scale_step(minimum_for(d * center), w, 0, most, plan)[:, None]
    six, six_min, least = center, center, np.full_like(center, np.inf)
    for delta in (-1, 0, 1):
        other = codes(center + F(delta), 0, most)
        its_min = codes(minimum_for(d * other) * inverse(dmin), 0, most)
        error = error_of(d * other, dmin * its_min)
        six, six_min = (
            np.where(error < least, other, six),
            np.where(error < least, its_min, six_min),
        )
        least = np.fmin(least, error)
    over = inverse(d * six)
    found = fma(x, over[..., None], (dmin * six_min * over)[..., None])
    whole = codes(found, 0, top).astype(np.uint8)
    return _affine_bytes(name, d, dmin, six.astype(np.uint8), six_min.astype(np.uint8), whole)


def _affine_bytes(name: str, d: F32, dmin: F32, six: U8, six_min: U8, q: U8) -> U8:
    if name == "Q2_K":
        scales = [six | six_min << 4, _two_bits(q)]
        return np.concatenate([*scales, _half_bytes(d), _half_bytes(dmin)], axis=1)
    near = six[:, :4] | six[:, 4:] >> 4 << 6
    near_min = six_min[:, :4] | six_min[:, 4:] >> 4 << 6
    rest = six[:, 4:] & 15 | (six_min[:, 4:] & 15) << 4
    fifth = np.packbits(q >> 4, axis=1, bitorder="little").reshape(len(q), 32)
    nibbles = (q[:, 0::2] & 15 | (q[:, 1::2] & 15) << 4).reshape(len(q), 128)
    head = [_half_bytes(d), _half_bytes(dmin), near, near_min, rest]
    return np.concatenate([*head, *([fifth] if name == "Q5_K" else []), nibbles], axis=1)


def _half_bytes(d: F32) -> U8:
    return d.astype("<f2").view(np.uint8).reshape(len(d), 2)


def symmetric(x: F32, w: F32, laid_at: F32, reach: int, refinements: int = 0) -> tuple[F32, F32]:
    """Scale and its weight for every row of x."""
    first = np.abs(x).argmax(-1)
    peak = np.take_along_axis(x, first[..., None], -1)[..., 0]
    best, scale, weight = (np.zeros_like(peak) for _ in range(3))
    for laid in [*laid_at, *[None] * refinements]:
        over = inverse(scale) if laid is None else laid * inverse(peak)
        q = codes(x * over[..., None], -reach, reach - 1)
        xq, qq = sum_of(w * q, x), sum_of(w * q, q)
        s = xq * inverse(qq)
        better = best < s * xq
        scale, weight = np.where(better, s, scale), np.where(better, qq, weight)
        best = np.where(better, s * xq, best)
    return np.where(abs(peak) > F(2.0**40), F(np.inf), scale), weight


def _two_bits(q: U8) -> U8:
    """Codes 0..3 of 256 weights -> 64 bytes: weight 32 k + i of a half is bits 2 k of byte i."""
    a, b, c, e = np.moveaxis(q.reshape(-1, 2, 4, 32), 2, 0)
    return (a | b << 2 | c << 4 | e << 6).reshape(-1, 64)


def _q3_k(x: F32, w: F32, searched: bool) -> U8:
    if searched:
        beyond = np.array([-4.8, -5.6, -7, 3.2, 3.5, 4], F)
        laid = np.concatenate((-np.arange(4.45, 2.7, -0.15).astype(F), beyond))
        scale, weight = symmetric(x, w, laid, 4, 2)
        d = _fitted_step(scale, weight, np.arange(-32.5, -28.9, 0.5))[:, None]
        six = _judged(x, w, d, codes(scale * inverse(d), -32, 31))
    else:
        scale, weight = symmetric(x, w, np.array([-4.25, -3.75, -3.25, -2.8, 3.2], F), 4)
        d = scale_step(scale, weight, -32, 31, np.arange(-32, -28))[:, None]
        six = codes(scale * inverse(d), -32, 31)
    q = (codes(x * inverse(d * six)[..., None], -4, 3) + 4).astype(np.uint8)
    thirds = np.packbits(q.reshape(-1, 8, 32) >> 2, axis=1, bitorder="little").reshape(-1, 32)
    six = (six + 32).astype(np.uint8)
    low = six[:, :8] & 15 | (six[:, 8:] & 15) << 4
    a, b, c, e = np.moveaxis(six.reshape(-1, 4, 4) >> 4, 1, 0)
    upper = a | b << 2 | c << 4 | e << 6
    return np.concatenate([thirds, _two_bits(q & 3), low, upper, _half_bytes(d)], axis=1)


def _fitted_step(scale: F32, weight: F32, plan: NDArray[Any]) -> F32:
    """The least squares fit to the multiples of one of several steps that errs least."""
    first = np.abs(scale).argmax(1)
    most = np.take_along_axis(scale, first[:, None], 1)[:, 0]
    best, least = half(most / F(plan[0])), np.full(len(most), np.inf, F)
    for divisor in plan:
        multiples = codes(scale * (F(divisor) * inverse(most))[:, None], -32, 31)
        by, square = (sum_of(weight * multiples, other) for other in (scale, multiples))
        d = half(by * inverse(square))[:, None]
        off = d * codes(scale * inverse(d), -32, 31) - scale
        error = sum_of(off * off, weight)
        best, least = np.where(error < least, d[:, 0], best), np.fmin(least, error)
    return best


def _judged(x: F32, w: F32, d: F32, center: F32) -> F32:
    """Of three whole scales for each part, the one whose own codes err least."""
    best, least = center, np.full_like(center, np.inf)
    for delta in (-1, 0, 1):
        other = codes(center + F(delta), -32, 31)
        error = code_error(x, w, d * other, -4, 3)
        best, least = np.where(error < least, other, best), np.fmin(least, error)
    return best


def _q6_k(x: F32, w: F32) -> U8:
    scale, weight = symmetric(x, w, -np.linspace(28, 32.4, 10, dtype=F), 32)
    d = scale_step(scale, weight, -128, 127, np.arange(-128, -124))[:, None]
    eight = codes(scale * inverse(d), -128, 127)
    q = (codes(x * inverse(d * eight)[..., None], -32, 31) + 32).astype(np.uint8)
    # q[block, half, quarter, 32]: quarters A, B, C, D of the drawing in encoders/q6_k.py
    a, b, c, e = np.moveaxis(q.reshape(-1, 2, 4, 32), 2, 0)
    lower = np.concatenate([a & 15 | (c & 15) << 4, b & 15 | (e & 15) << 4], axis=-1)
    upper = a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6
    parts = lower.reshape(-1, 128), upper.reshape(-1, 64), eight.astype(np.int8).view(np.uint8)
    return np.concatenate([*parts, _half_bytes(d)], axis=1)
