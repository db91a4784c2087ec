"""The scales and minima of a K-quant's sub-blocks become whole multiples of two halves, d and dmin.

`settle` takes what `affine_search` left for every sub-block of sixteen blocks, a row of floats for
each, and leaves in its place what the codes are made with. Knows no bit layout.
"""

import numpy as np

from edgemed_native._jit import inner
from edgemed_native.lanes import LANES, larger, load, smaller, splat, store, where_less
from edgemed_native.search import (
    FIT,
    LOW,
    QQ,
    SCALE,
    YQ,
    Q,
    W,
    Y,
    choose_step,
    inverse_of,
    whole,
)

F32 = np.float32

# One row of floats for each sub-block: its fit, and what settle adds to it.
CURVE, MINIMUM, ROW = FIT, FIT + LANES, FIT + 2 * LANES
# What settle leaves in the place of a fit: the codes are nearest(x * INVERSE + OFFSET).
WHOLE_SCALE, WHOLE_MINIMUM, INVERSE, OFFSET = range(0, 4 * LANES, LANES)


@inner
def _minimum_for(fits, at, scale):
    """The best minimum of one sub-block when its scale is given and its codes are kept."""
    shift = (scale * load(fits, at + Q) - load(fits, at + Y)) * inverse_of(load(fits, at + W))
    return larger(shift - load(fits, at + LOW), splat(F32(0)))


@inner
def _error(fits, at, scale, minimum):
    """Weighted squared error of one sub-block with its codes kept, less a constant."""
    shift = minimum + load(fits, at + LOW)
    two_y, two_yq = load(fits, at + Y) * splat(F32(2)), load(fits, at + YQ) * splat(F32(2))
    by_scale = scale * load(fits, at + QQ) - two_yq - splat(F32(2)) * shift * load(fits, at + Q)
    return scale * by_scale + shift * (shift * load(fits, at + W) + two_y)


@inner
def _curve(fits, at):
    """How a sub-block's error grows with its scale's squared: less where a minimum follows."""
    qq, q, zero = load(fits, at + QQ), load(fits, at + Q), splat(F32(0))
    free = larger(qq - q * q * inverse_of(load(fits, at + W)), zero)
    return where_less(zero, _minimum_for(fits, at, load(fits, at + SCALE)), free, qq)


@inner
def settle(fits, parts, top, plan, supers):
    """Choose d and dmin; then for each of `parts`, of three scales, the one that errs least.

    Whole scales and minima are 0..top; plan: see choose_step. d and dmin go to supers.

    Rounding a scale moves the best minimum, so minima are fitted again to the rounded scales.
    """
    for at in range(0, parts * ROW, ROW):
        store(fits, at + CURVE, _curve(fits, at))
    d = choose_step(fits, parts, ROW, SCALE, CURVE, 0, top, plan)
    d_inverse = inverse_of(d)
    for at in range(0, parts * ROW, ROW):
        scale = d * whole(load(fits, at + SCALE) * d_inverse, 0, top)
        store(fits, at + MINIMUM, _minimum_for(fits, at, scale))
    dmin = choose_step(fits, parts, ROW, MINIMUM, W, 0, top, plan)
    dmin_inverse = inverse_of(dmin)
    for at in range(0, parts * ROW, ROW):
        _settle_part(fits, at, top, d, d_inverse, dmin, dmin_inverse)
    store(supers, 0, d)
    store(supers, LANES, dmin)


@inner
def _settle_part(fits, at, top, d, d_inverse, dmin, dmin_inverse):
    """The whole scale and minimum of one sub-block, and what its codes are made with."""
    center = whole(load(fits, at + SCALE) * d_inverse, 0, top)
    scale, minimum, least = center, center, splat(F32(np.inf))
    for k in range(3):
        other = whole(center + splat(F32(k - 1)), 0, top)
        its_minimum = whole(_minimum_for(fits, at, d * other) * dmin_inverse, 0, top)
        error = _error(fits, at, d * other, dmin * its_minimum)
        scale = where_less(error, least, other, scale)
        minimum = where_less(error, least, its_minimum, minimum)
        least = smaller(error, least)
    inverse = inverse_of(d * scale)
    store(fits, at + WHOLE_SCALE, scale)
    store(fits, at + WHOLE_MINIMUM, minimum)
    store(fits, at + INVERSE, inverse)
    store(fits, at + OFFSET, dmin * minimum * inverse)
