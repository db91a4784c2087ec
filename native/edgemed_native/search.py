"""Scale searches in lanes: the best scale (and minimum) for sixteen blocks of weights at a time.

A block is a column: value i of lane l lies at `x[16 * i + l]`, its importance at `w[16 * i + l]`.

    affine       x ~ scale * q - minimum    whole q in 0..top, scale and minimum >= 0
    symmetric    x ~ scale * q              whole q in -reach..reach-1, scale of either sign

For fixed codes q, the best scale and minimum are a weighted least-squares fit (normal equations of
a few sums); the search tries the codes of several ranges and keeps the fit with the least error.
Knows no bit layout.
"""

import numpy as np

from edgemed_native._jit import inner
from edgemed_native.lanes import (
    LANES,
    absolute,
    bits,
    floats,
    fma,
    larger,
    load,
    nearest,
    numbers,
    smaller,
    splat,
    sqrt,
    store,
    where_less,
)

F32 = np.float32
I32 = np.int32

# The result of a search for one column of blocks, in vectors of 16 floats. With y = x - LOW (so
# that large offsets cost no precision) and the sums weighted by w:
LOW, SCALE, W, Y, Q, QQ, YQ = range(0, 7 * LANES, LANES)
FIT = 7 * LANES
"""Size of a fit; its vectors: lowest value (at most 0), scale, sums of w, wy, wq, wqq, wyq."""


def grid(stretches: list[float], shifts: list[float]) -> np.ndarray:
    """Pairs (stretch, shift): codes span top + stretch steps of the range, moved by shift steps."""
    return np.array([(a, b) for b in shifts for a in stretches], F32)


@inner
def round_to_half(x):
    """The nearest IEEE half, ties to even, as float32; infinite beyond 65504 and for NaN."""
    sign = bits(x) & splat(I32(-(2**31)))
    size = absolute(x)
    b = bits(size)
    odd = (b >> splat(I32(13))) & splat(I32(1))
    normal = floats((b + splat(I32(0xFFF)) + odd) & splat(I32(-0x2000)))
    tiny = (size + splat(F32(0.5))) - splat(F32(0.5))  # a subnormal half is a multiple of 2**-24
    rounded = where_less(size, splat(F32(2.0**-14)), tiny, normal)
    rounded = where_less(size, splat(F32(65520)), rounded, splat(F32(np.inf)))
    return floats(bits(rounded) | sign)


@inner
def half_bits(x):
    """The bits of halves, as whole numbers in float lanes; x must come from round_to_half."""
    size, sign = absolute(x), (bits(x) >> splat(I32(16))) & splat(I32(0x8000))
    normal = numbers((bits(size) + splat(I32(-0x38000000))) >> splat(I32(13)))
    tiny = smaller(size, splat(F32(1))) * splat(F32(2.0**24))  # whole wherever it is used
    found = where_less(size, splat(F32(2.0**-14)), tiny, normal)
    return where_less(size, splat(F32(65520)), found, splat(F32(0x7C00))) + numbers(sign)


@inner
def half_unless_zero(x):
    """round_to_half, but what would become 0 becomes the smallest half: keeps tiny weights."""
    least = floats(bits(splat(F32(2.0**-24))) | (bits(x) & splat(I32(-(2**31)))))
    rounded = round_to_half(x)
    kept = where_less(splat(F32(0)), absolute(x), least, rounded)
    return where_less(absolute(rounded), absolute(least), kept, rounded)


@inner
def inverse_of(x):
    """1/x, or 0 if x is 0 or NaN: then all codes become 0."""
    zero = splat(F32(0))
    return where_less(zero, absolute(x), splat(F32(1)) / x, zero)


@inner
def whole(x, lowest, highest):
    """The nearest whole number in lowest..highest; lowest for NaN."""
    return nearest(smaller(larger(x, splat(F32(lowest))), splat(F32(highest))))


@inner
def magnitude_weights(x, w, n):
    """w = |x| + the block's root mean square: what ggml minimises for Q4_K and Q5_K."""
    total = splat(F32(0))
    for i in range(n):
        v = load(x, LANES * i)
        total = fma(v, v, total)
    rms = sqrt(total * splat(F32(1.0 / n)))
    for i in range(n):
        store(w, LANES * i, rms + absolute(load(x, LANES * i)))


@inner
def lower(x, w, n, most):
    """Subtract the lowest value (at most `most`) of each block; (lowest, span, sum w, sum w y)."""
    zero = splat(F32(0))
    low, high, weight, total = most, load(x, 0), zero, zero
    for i in range(n):
        v = load(x, LANES * i)
        low, high = smaller(v, low), larger(v, high)
    for i in range(n):
        y, wi = load(x, LANES * i) - low, load(w, LANES * i)
        store(x, LANES * i, y)
        weight, total = weight + wi, fma(wi, y, total)
    return low, high - low, weight, total


@inner
def code_sums(y, w, n, top, inverse, offset):
    """Sums of w q, w q q, w y q for codes q = y * inverse + offset, rounded and cut to 0..top.

    y is not negative; with an offset above -0.5 no code is negative, so that needs no check.
    """
    zero = splat(F32(0))
    q_sum, qq_sum, yq_sum = zero, zero, zero
    for i in range(n):
        v = load(y, LANES * i)
        q = nearest(smaller(fma(v, inverse, offset), top))
        wq = load(w, LANES * i) * q
        q_sum, qq_sum, yq_sum = q_sum + wq, fma(wq, q, qq_sum), fma(wq, v, yq_sum)
    return q_sum, qq_sum, yq_sum


@inner
def _solve(low, w_sum, y_sum, q_sum, qq_sum, yq_sum):
    """Least squares y ~ scale q + shift under low + shift <= 0; (error removed, scale, shift).

    If the codes are (nearly) all equal, scale and shift cannot be separated and rounding errors
    would decide. Then, and also at the bound, the minimum is 0 and only the scale is fitted.
    """
    zero, full = splat(F32(0)), w_sum * qq_sum
    det = fma(w_sum, qq_sum, zero - q_sum * q_sum)
    usable, most = full * splat(F32(2.0**-18)), zero - low
    shift = (qq_sum * y_sum - q_sum * yq_sum) / det
    shift = smaller(where_less(usable, det, shift, most), most)
    scale = where_less(zero, qq_sum, (yq_sum - shift * q_sum) / qq_sum, zero)
    gain = scale * (yq_sum + yq_sum - scale * qq_sum - (shift + shift) * q_sum)
    gain = gain + shift * (y_sum + y_sum - shift * w_sum)
    return where_less(zero, scale, gain, zero), scale, shift


@inner
def affine_search(x, w, n, top, plan, refinements, fit, at):
    """Search one column of `n`-weight blocks; replaces x with y, writes the fit to fit[at:].

    plan: f32[k, 2], see `grid`. Each refinement then tries the codes of the best fit so far.
    All-zero blocks get scale 0.
    """
    low, span, w_sum, y_sum = lower(x, w, n, splat(F32(0)))
    zero, most = splat(F32(0)), splat(F32(top))
    step = inverse_of(span)
    best, scale, shift, qs, qqs, yqs = zero, zero, zero, zero, zero, zero
    for k in range(len(plan) + refinements):
        if k < len(plan):
            inverse, offset = splat(F32(top) + plan[k, 0]) * step, splat(plan[k, 1])
        else:
            inverse = inverse_of(scale)
            offset = larger(zero - shift * inverse, splat(F32(-0.499)))
        q, qq, yq = code_sums(x, w, n, most, inverse, offset)
        gain, s, m = _solve(low, w_sum, y_sum, q, qq, yq)
        scale, shift = where_less(best, gain, s, scale), where_less(best, gain, m, shift)
        qs, qqs = where_less(best, gain, q, qs), where_less(best, gain, qq, qqs)
        yqs = where_less(best, gain, yq, yqs)
        best = larger(gain, best)
    store(fit, at + LOW, low)
    store(fit, at + SCALE, or_infinite(scale, larger(span, zero - low)))
    store(fit, at + W, w_sum)
    store(fit, at + Y, y_sum)
    store(fit, at + Q, qs)
    store(fit, at + QQ, qqs)
    store(fit, at + YQ, yqs)


@inner
def square_weights(x, w, n):
    """w = x^2 + mean(x^2): ggml uses x^2 for Q6_K; the mean protects small weights."""
    total = splat(F32(0))
    for i in range(n):
        v = load(x, LANES * i)
        total = fma(v, v, total)
    mean = total * splat(F32(1.0 / n))
    for i in range(n):
        v = load(x, LANES * i)
        store(w, LANES * i, fma(v, v, mean))


@inner
def or_infinite(scale, size):
    """Infinity if weights are so large that squares overflow: no half can hold such a scale."""
    return where_less(splat(F32(2.0**40)), size, splat(F32(np.inf)), scale)


@inner
def peak_of(x, n):
    """The value farthest from 0, with its sign; the first of equals."""
    peak = load(x, 0)
    for i in range(1, n):
        v = load(x, LANES * i)
        peak = where_less(absolute(peak), absolute(v), v, peak)
    return peak


@inner
def symmetric_search(x, w, n, reach, plan):
    """Search one column of `n`-weight blocks; (scale, sum of w q q), 0 for all-zero blocks.

    plan: f32[k], where to put the peak before rounding; within reach + 0.5, so that only codes of
    the opposite sign need a check.
    """
    zero, high = splat(F32(0)), splat(F32(reach - 1))
    peak = peak_of(x, n)
    step = inverse_of(peak)
    best, scale, weight = zero, zero, zero
    for k in range(len(plan)):
        inverse, xq, qq = splat(plan[k]) * step, zero, zero
        for i in range(n):
            v = load(x, LANES * i)
            q = nearest(smaller(v * inverse, high))
            wq = load(w, LANES * i) * q
            xq, qq = fma(wq, v, xq), fma(wq, q, qq)
        s = xq * inverse_of(qq)
        gain = s * xq
        scale, weight = where_less(best, gain, s, scale), where_less(best, gain, qq, weight)
        best = larger(gain, best)
    return or_infinite(scale, absolute(peak)), weight


@inner
def clipping_search(x, w, n, reach, plan, refinements):
    """As symmetric_search, but the peak may be put beyond the codes, as it may count for little.

    Each refinement then tries the codes of the best scale so far.
    """
    zero, low, high = splat(F32(0)), splat(F32(-reach)), splat(F32(reach - 1))
    peak = peak_of(x, n)
    step = inverse_of(peak)
    best, scale, weight = zero, zero, zero
    for k in range(len(plan) + refinements):
        inverse, xq, qq = inverse_of(scale), zero, zero
        if k < len(plan):
            inverse = splat(plan[k]) * step
        for i in range(n):
            v = load(x, LANES * i)
            q = nearest(larger(smaller(v * inverse, high), low))
            wq = load(w, LANES * i) * q
            xq, qq = fma(wq, v, xq), fma(wq, q, qq)
        s = xq * inverse_of(qq)
        gain = s * xq
        scale, weight = where_less(best, gain, s, scale), where_less(best, gain, qq, weight)
        best = larger(gain, best)
    return or_infinite(scale, absolute(peak)), weight
