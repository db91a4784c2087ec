"""Encoders of Q4_0, Q4_1, Q5_0 and Q5_1 with importances of columns; `legacy` shows the layouts.

Like ggml with importances, these search for the scale (and minimum) instead of only fitting it:
several ranges are tried, and the fit with the least weighted error wins.
"""

import numpy as np

from edgemed_native._jit import inner, kernel
from edgemed_native.encoders.legacy import (
    FIT,
    INVERSE,
    LOWEST,
    MINIMUM,
    SCALE,
    WIDTH,
    find_fifths,
    write_q4_0,
    write_q4_1,
    write_q5_0,
    write_q5_1,
)
from edgemed_native.encoders.weighting import importance_weights, mean_square, take
from edgemed_native.lanes import LANES, fma, larger, load, splat, store, where_less
from edgemed_native.search import (
    clipping_search,
    code_sums,
    grid,
    half_bits,
    half_unless_zero,
    inverse_of,
    lower,
    or_infinite,
    round_to_half,
)

F32 = np.float32

# Where to put the weight farthest from 0 (also beyond the codes, as it may count for little), and
# the ranges that the codes span: see `grid`.
Q4_0_PLAN = np.concatenate(
    (-np.arange(7.1, 8.75, 0.15), np.array([-9.3, -10.5, -12, 7.1, 7.5]))
).astype(F32)
Q5_0_PLAN = np.concatenate(
    (-np.arange(15, 16.9, 0.3), np.array([-14.6, -17.3, -18.5, -21, 15.2, 15.6]))
).astype(F32)
Q4_1_PLAN = grid([-0.9, -0.4, 0.1, 0.6], [-0.3, 0.0, 0.3])
Q5_1_PLAN = grid([-1.2, -0.3, 0.6], [-0.3, 0.0, 0.3])
REFINEMENTS = 2


@kernel
def encode_q4_0_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // WIDTH
    rows = len(dst) // per_row
    x, w, fit = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, rows, LANES):
        spread = mean_square(src, first, rows - 1, len(importances), WIDTH, x)
        for block in range(per_row):
            _take_weighted(src, first, rows - 1, importances, block * WIDTH, spread, x, w)
            _fit_scale_weighted(x, w, 8, Q4_0_PLAN, fit)
            at, count = first * per_row + block, min(LANES, rows - first)
            write_q4_0(src, dst, at, per_row, count, fit)


@kernel
def encode_q4_1_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // WIDTH
    rows = len(dst) // per_row
    x, w, fit = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, rows, LANES):
        spread = mean_square(src, first, rows - 1, len(importances), WIDTH, x)
        for block in range(per_row):
            _take_weighted(src, first, rows - 1, importances, block * WIDTH, spread, x, w)
            _fit_scale_and_minimum_weighted(x, w, 15, Q4_1_PLAN, fit)
            at, count = first * per_row + block, min(LANES, rows - first)
            write_q4_1(src, dst, at, per_row, count, fit)


@kernel
def encode_q5_0_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // WIDTH
    rows = len(dst) // per_row
    x, w, fit = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, rows, LANES):
        spread = mean_square(src, first, rows - 1, len(importances), WIDTH, x)
        for block in range(per_row):
            _take_weighted(src, first, rows - 1, importances, block * WIDTH, spread, x, w)
            _fit_scale_weighted(x, w, 16, Q5_0_PLAN, fit)
            find_fifths(x, fit, 16)
            at, count = first * per_row + block, min(LANES, rows - first)
            write_q5_0(src, dst, at, per_row, count, fit)


@kernel
def encode_q5_1_weighted(src, dst, importances):
    """The same, each column's errors weighted by importances f32[row length]."""
    per_row = len(importances) // WIDTH
    rows = len(dst) // per_row
    x, w, fit = np.empty(WIDTH * LANES, F32), np.empty(WIDTH * LANES, F32), np.empty(FIT, F32)
    for first in range(0, rows, LANES):
        spread = mean_square(src, first, rows - 1, len(importances), WIDTH, x)
        for block in range(per_row):
            _take_weighted(src, first, rows - 1, importances, block * WIDTH, spread, x, w)
            _fit_scale_and_minimum_weighted(x, w, 31, Q5_1_PLAN, fit)
            take(src, first, rows - 1, len(importances), block * WIDTH, WIDTH, x)
            find_fifths(x, fit, 0)
            at, count = first * per_row + block, min(LANES, rows - first)
            write_q5_1(src, dst, at, per_row, count, fit)


@inner
def _take_weighted(src, first, last, importances, column, spread, x, w):
    """The blocks at `column` of sixteen rows, one per lane, and the weights of their errors."""
    take(src, first, last, len(importances), column, WIDTH, x)
    importance_weights(x, w, WIDTH, importances, column, spread)


@inner
def _fit_scale_weighted(x, w, reach, plan, fit):
    """The scale with the least error weighted by w, for codes -reach..reach-1."""
    scale, _ = clipping_search(x, w, WIDTH, reach, plan, REFINEMENTS)
    d = half_unless_zero(scale)
    store(fit, SCALE, half_bits(d))
    store(fit, MINIMUM, splat(F32(0)))
    store(fit, INVERSE, inverse_of(d))


@inner
def _fit_scale_and_minimum_weighted(x, w, top, plan, fit):
    """Scale and minimum with the least weighted error for codes 0..top; x becomes x - minimum.

    If one weight counts so much more than the others that all fits are equally good, the codes span
    the whole range.
    """
    zero, most = splat(F32(0)), splat(F32(top))
    low, span, w_sum, y_sum = lower(x, w, WIDTH, load(x, 0))
    step = inverse_of(span)
    best, scale, shift, q_sum = zero, span * splat(F32(1 / top)), zero, zero
    for k in range(len(plan) + REFINEMENTS):
        if k < len(plan):
            inverse, offset = splat(F32(top) + plan[k, 0]) * step, splat(plan[k, 1])
        else:
            inverse = inverse_of(scale)
            offset = larger(zero - shift * inverse, splat(F32(-0.499)))
        q, qq, yq = code_sums(x, w, WIDTH, most, inverse, offset)
        full = w_sum * qq
        det = fma(w_sum, qq, zero - q * q)
        s = fma(w_sum, yq, zero - q * y_sum) / det
        gain = where_less(full * splat(F32(2.0**-18)), det, s * (yq - q * y_sum / w_sum), zero)
        shift = where_less(best, gain, (y_sum - s * q) / w_sum, shift)
        scale, q_sum = where_less(best, gain, s, scale), where_less(best, gain, q, q_sum)
        best = larger(gain, best)
    d = half_unless_zero(or_infinite(scale, span))
    minimum = low + where_less(zero, best, (y_sum - d * q_sum) / w_sum, zero)
    store(fit, SCALE, half_bits(d))
    minimum = round_to_half(where_less(splat(F32(2.0**40)), span, low, minimum))
    store(fit, MINIMUM, minimum)
    store(fit, LOWEST, half_bits(minimum))
    store(fit, INVERSE, inverse_of(d))
