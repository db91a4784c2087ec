"""Rounds scales and minima of a K-quant's sub-blocks to whole multiples of d and dmin (float16).

`settle` takes the result of `affine_search` for every sub-block of sixteen blocks, a row of floats
each, and replaces it with the numbers that give the codes. Knows no bit layout.
"""

import numpy as np

from edgemed_native._jit import inner
from edgemed_native.lanes import LANES, fma, larger, load, smaller, splat, store, where_less
from edgemed_native.search import (
    FIT,
    LOW,
    QQ,
    SCALE,
    YQ,
    Q,
    W,
    Y,
    inverse_of,
    whole,
)
from edgemed_native.steps import choose_step

F32 = np.float32

# One row of floats for each sub-block: its fit, and the numbers that settle adds.
CURVE, MINIMUM, ROW = FIT, FIT + LANES, FIT + 2 * LANES
# What settle puts in place of a fit: the codes are nearest(x * INVERSE + OFFSET).
WHOLE_SCALE, WHOLE_MINIMUM, INVERSE, OFFSET = range(0, 4 * LANES, LANES)


@inner
def _minimum_for(fits, at, scale):
    """The best minimum of one sub-block for a given scale, with its codes fixed."""
    shift = (scale * load(fits, at + Q) - load(fits, at + Y)) * inverse_of(load(fits, at + W))
    return larger(shift - load(fits, at + LOW), splat(F32(0)))


@inner
def _error(fits, at, scale, minimum):
    """Weighted squared error of one sub-block with its codes fixed, less a constant."""
    shift = minimum + load(fits, at + LOW)
    two_y, two_yq = load(fits, at + Y) * splat(F32(2)), load(fits, at + YQ) * splat(F32(2))
    by_scale = scale * load(fits, at + QQ) - two_yq - splat(F32(2)) * shift * load(fits, at + Q)
    return scale * by_scale + shift * (shift * load(fits, at + W) + two_y)


@inner
def _curve(fits, at):
    """How fast a sub-block's error grows with the square of its scale's error; slower if the
    minimum is adjusted too."""
    qq, q, zero = load(fits, at + QQ), load(fits, at + Q), splat(F32(0))
    free = larger(qq - q * q * inverse_of(load(fits, at + W)), zero)
    return where_less(zero, _minimum_for(fits, at, load(fits, at + SCALE)), free, qq)


@inner
def _choose_steps(fits, parts, top, plan):
    """d and dmin. Rounding a scale changes the best minimum, so minima are fitted afterwards."""
    for at in range(0, parts * ROW, ROW):
        store(fits, at + CURVE, _curve(fits, at))
    d = choose_step(fits, parts, ROW, SCALE, CURVE, 0, top, plan)
    d_inverse = inverse_of(d)
    for at in range(0, parts * ROW, ROW):
        scale = d * whole(load(fits, at + SCALE) * d_inverse, 0, top)
        store(fits, at + MINIMUM, _minimum_for(fits, at, scale))
    return d, choose_step(fits, parts, ROW, MINIMUM, W, 0, top, plan)


@inner
def settle(fits, parts, top, plan, supers):
    """Choose d and dmin; then for each of `parts` the best of three scales.

    Whole scales and minima are 0..top; plan: see steps. d and dmin are stored in supers.
    """
    d, dmin = _choose_steps(fits, parts, top, plan)
    d_inverse, dmin_inverse = inverse_of(d), inverse_of(dmin)
    for at in range(0, parts * ROW, ROW):
        _settle_part(fits, at, top, d, d_inverse, dmin, dmin_inverse)
    store(supers, 0, d)
    store(supers, LANES, dmin)


@inner
def settle_by_codes(y, w, width, highest, fits, parts, top, plan, supers):
    """As settle, but each scale is judged with the codes 0..highest that it would get.

    y, w: what affine_search left of all parts, `width` values each. Used for types with few codes:
    large outliers make their whole scales so coarse that the codes change with the scale.
    """
    d, dmin = _choose_steps(fits, parts, top, plan)
    for part in range(parts):
        at, values = part * ROW, part * width * LANES
        _settle_part_by_codes(y[values:], w[values:], width, highest, fits, at, top, d, dmin)
    store(supers, 0, d)
    store(supers, LANES, dmin)


@inner
def _settle_part_by_codes(y, w, width, highest, fits, at, top, d, dmin):
    center = whole(load(fits, at + SCALE) * inverse_of(d), 0, top)
    low, dmin_inverse = load(fits, at + LOW), inverse_of(dmin)
    scale, minimum, least = center, center, splat(F32(np.inf))
    for k in range(3):
        other = whole(center + splat(F32(k - 1)), 0, top)
        its_minimum = whole(_minimum_for(fits, at, d * other) * dmin_inverse, 0, top)
        error = code_error(y, w, width, highest, d * other, dmin * its_minimum + low)
        scale = where_less(error, least, other, scale)
        minimum = where_less(error, least, its_minimum, minimum)
        least = smaller(error, least)
    _keep(fits, at, d, scale, dmin, minimum)


@inner
def code_error(y, w, n, highest, scale, shift):
    """Weighted squared error of y ~ scale * q - shift with the best codes 0..highest."""
    inverse, error = inverse_of(scale), splat(F32(0))
    for i in range(n):
        v = load(y, LANES * i) + shift
        off = v - scale * whole(v * inverse, 0, highest)
        error = fma(off * off, load(w, LANES * i), error)
    return error


@inner
def _settle_part(fits, at, top, d, d_inverse, dmin, dmin_inverse):
    """The whole scale and minimum of one sub-block, and the numbers that give its codes."""
    center = whole(load(fits, at + SCALE) * d_inverse, 0, top)
    scale, minimum, least = center, center, splat(F32(np.inf))
    for k in range(3):
        other = whole(center + splat(F32(k - 1)), 0, top)
        its_minimum = whole(_minimum_for(fits, at, d * other) * dmin_inverse, 0, top)
        error = _error(fits, at, d * other, dmin * its_minimum)
        scale = where_less(error, least, other, scale)
        minimum = where_less(error, least, its_minimum, minimum)
        least = smaller(error, least)
    _keep(fits, at, d, scale, dmin, minimum)


@inner
def _keep(fits, at, d, scale, dmin, minimum):
    """Store in place of the fit: the whole scale and minimum, and the numbers that give codes."""
    inverse = inverse_of(d * scale)
    store(fits, at + WHOLE_SCALE, scale)
    store(fits, at + WHOLE_MINIMUM, minimum)
    store(fits, at + INVERSE, inverse)
    store(fits, at + OFFSET, dmin * minimum * inverse)
