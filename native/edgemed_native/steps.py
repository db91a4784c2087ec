"""Chooses the step d of a block, a float16; the scales of its parts become whole multiples of it.

Part p has its value at fits[row * p + values] and the weight of its error at fits[row * p +
weights], vectors of 16 floats, one block per lane; multiples are lowest..highest. Tries the value
farthest from 0 divided by each number of the plan. Knows no bit layout.
"""

import numpy as np

from edgemed_native._jit import inner
from edgemed_native.lanes import absolute, fma, load, smaller, splat, where_less
from edgemed_native.search import half_unless_zero, inverse_of, whole

F32 = np.float32


@inner
def choose_step(fits, parts, row, values, weights, lowest, highest, plan):
    """The d for which the nearest multiples have the least error."""
    most = _farthest(fits, parts, row, values)
    d, least = half_unless_zero(most / splat(plan[0])), splat(F32(np.inf))
    for k in range(len(plan)):
        other = half_unless_zero(most / splat(plan[k]))
        error = _error(fits, parts, row, values, weights, lowest, highest, other)
        d, least = where_less(error, least, other, d), smaller(error, least)
    return d


@inner
def fit_step(fits, parts, row, values, weights, lowest, highest, plan):
    """As choose_step, but each d is also fitted by least squares to the multiples it gives."""
    most = _farthest(fits, parts, row, values)
    d, least = half_unless_zero(most / splat(plan[0])), splat(F32(np.inf))
    step = inverse_of(most)
    for k in range(len(plan)):
        inverse, by, square = splat(plan[k]) * step, splat(F32(0)), splat(F32(0))
        for at in range(0, parts * row, row):
            value, weight = load(fits, at + values), load(fits, at + weights)
            multiple = whole(value * inverse, lowest, highest)
            by, square = fma(weight * multiple, value, by), fma(weight * multiple, multiple, square)
        other = half_unless_zero(by * inverse_of(square))
        error = _error(fits, parts, row, values, weights, lowest, highest, other)
        d, least = where_less(error, least, other, d), smaller(error, least)
    return d


@inner
def _farthest(fits, parts, row, values):
    """The value farthest from 0, with its sign."""
    most = splat(F32(0))
    for at in range(values, values + parts * row, row):
        value = load(fits, at)
        most = where_less(absolute(most), absolute(value), value, most)
    return most


@inner
def _error(fits, parts, row, values, weights, lowest, highest, d):
    """Weighted squared error of the multiples of d nearest to the values."""
    inverse, error = inverse_of(d), splat(F32(0))
    for at in range(0, parts * row, row):
        value = load(fits, at + values)
        off = d * whole(value * inverse, lowest, highest) - value
        error = fma(off * off, load(fits, at + weights), error)
    return error
