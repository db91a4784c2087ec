"""Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL and IQ4_XS once more, without lanes, as in `encode`."""

import numpy as np

from tests.oracles.encode import (
    F32,
    GRIDS,
    U8,
    F,
    codes,
    fma,
    half,
    inverse,
    normal,
    own_weights,
    scale_step,
    spread_over,
    sum_of,
    symmetric,
)

CODEBOOK = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], F)
BEYOND = {
    "Q4_0": (np.arange(7.1, 8.75, 0.15), (-9.3, -10.5, -12, 7.1, 7.5)),
    "Q5_0": (np.arange(15, 16.9, 0.3), (-14.6, -17.3, -18.5, -21, 15.2, 15.6)),
}
LAID_AT = {name: np.array([*-near, *far], F) for name, (near, far) in BEYOND.items()}
WEIGHTED_GRIDS = {15: GRIDS["Q4_K"], 31: GRIDS["Q5_K"]}
LAID = (-122, -128, -134, 112, 118)
LAID_WEIGHTED = (-119, -122, -125, -128, -131, -134, 109, 113, 117, 121)


def encode(name: str, x: F32, importances: F32 | None = None) -> U8:
    """x f32[rows, n] -> u8[rows, bytes]; importances f32[n] of columns."""
    with np.errstate(all="ignore"):
        w = None if importances is None else weights_of(name, x, importances).reshape(-1, 32)
        parts = x.reshape(-1, 32)
        if name.startswith("IQ4"):
            known = (own_weights("Q6_K", parts), LAID) if w is None else (w, LAID_WEIGHTED)
            scale, weight = _codebook_scale(parts, *known)
            packed = _iq4_nl(parts, scale)
            if name == "IQ4_XS":
                shape = (-1, 8)
                packed = _iq4_xs(x.reshape(-1, 8, 32), scale.reshape(shape), weight.reshape(shape))
        else:
            packed = _plain(name, parts, w)
    return packed.reshape(len(x), -1)


def weights_of(name: str, x: F32, importances: F32) -> F32:
    """Of errors, f32[rows, n]."""
    if name.startswith("IQ4"):
        return spread_over(32 if name == "IQ4_NL" else 256, 2)(x, importances)
    squares, total = x.reshape(len(x), -1, 32), np.zeros(len(x), F)
    for k in range(squares.shape[1]):
        total = total + sum_of(squares[:, k], squares[:, k])
    spread = total * (F(1) / F(x.shape[1]))
    return normal(importances) * np.sqrt(fma(x, x, np.broadcast_to(spread[:, None], x.shape)))


def _plain(name: str, x: F32, w: F32 | None) -> U8:
    top = 15 if name[1] == "4" else 31
    lowest = 0 if name.endswith("1") else -(top + 1) // 2
    if name.endswith("1"):
        d, m = _affine(x, top) if w is None else _affine_weighted(x, w, top)
    else:
        d = _scale(x, -lowest) if w is None else half(symmetric(x, w, LAID_AT[name], -lowest, 2)[0])
        m = np.zeros(len(x), F)
    q = codes((x - m[:, None]) * inverse(d)[:, None], lowest, top + lowest) - lowest
    q = q.astype(np.uint8)
    parts = [_halves(d)] + ([_halves(m)] if name.endswith("1") else [])
    if top == 31:
        parts.append(np.packbits(q >> 4, axis=1, bitorder="little"))
    return np.concatenate([*parts, _nibbles(q)], axis=1)


def step_inverse(x: F32) -> F32:
    return np.where(abs(x) > F(2.0**-100), F(1) / x, F(0))


def _scale(x: F32, reach: int) -> F32:
    peak = np.take_along_axis(x, np.abs(x).argmax(1)[:, None], 1)
    scaled = x * (F(-reach) * step_inverse(peak))
    q = np.rint(np.where(scaled < reach - 1, scaled, F(reach - 1)))
    return half(sum_of(x, q) * inverse(sum_of(q, q)))


def _affine(x: F32, top: int) -> tuple[F32, F32]:
    low, n = x.min(1), F(32)
    y = x - low[:, None]
    q = np.rint(y * (F(top) * step_inverse(x.max(1) - low))[:, None])
    q_sum, y_sum = sum_of(q, np.ones_like(q)), sum_of(y, np.ones_like(y))
    qq, yq = sum_of(q, q), sum_of(y, q)
    det = fma(np.full_like(qq, n), qq, F(0) - q_sum * q_sum)
    huge = x.max(1) - low > F(2.0**40)
    d = half(np.where(huge, F(np.inf), (n * yq - q_sum * y_sum) * inverse(det)))
    m = np.where(huge, low, low + (y_sum - d * q_sum) * F(1 / 32))
    return d, m.astype(np.float16).astype(F)


def _affine_weighted(x: F32, w: F32, top: int) -> tuple[F32, F32]:
    low = x.min(1)
    y, span = x - low[:, None], x.max(1) - low
    w_sum, y_sum = sum_of(w, np.ones_like(w)), sum_of(w, y)
    best, shift, q_sum = (np.zeros_like(low) for _ in range(3))
    scale = span * F(1 / top)
    for choice in [*WEIGHTED_GRIDS[top], None, None]:
        if choice is None:
            over = inverse(scale)
            offset = np.where(-shift * over > F(-0.499), F(0) - shift * over, F(-0.499))
        else:
            over, offset = (F(top) + F(choice[0])) * inverse(span), np.full_like(low, F(choice[1]))
        q = fma(y, np.broadcast_to(over[:, None], y.shape), offset[:, None])
        q = np.rint(np.where(q < top, q, F(top)))
        q1, qq, yq = sum_of(w * q, np.ones_like(q)), sum_of(w * q, q), sum_of(w * q, y)
        det = fma(w_sum, qq, F(0) - q1 * q1)
        s = fma(w_sum, yq, F(0) - q1 * y_sum) / det
        usable = w_sum * qq * F(2.0**-18) < det
        gain = np.where(usable, s * (yq - q1 * y_sum / w_sum), F(0))
        better = best < gain
        shift = np.where(better, (y_sum - s * q1) / w_sum, shift)
        scale, q_sum = np.where(better, s, scale), np.where(better, q1, q_sum)
        best = np.where(better, gain, best)
    d = half(np.where(span > F(2.0**40), F(np.inf), scale))
    m = low + np.where(best > 0, (y_sum - d * q_sum) / w_sum, F(0))
    m = np.where(span > F(2.0**40), low, m)
    return d, m.astype(np.float16).astype(F)


def _codebook_scale(x: F32, w: F32, plan: tuple[int, ...]) -> tuple[F32, F32]:
    """Scale and its weight for every row of 32."""
    peak = np.take_along_axis(x, np.abs(x).argmax(-1)[..., None], -1)[..., 0]
    best, scale, weight = (np.zeros_like(peak) for _ in range(3))
    for laid in (*plan, None):
        over = inverse(scale) if laid is None else F(laid) * inverse(peak)
        q = CODEBOOK[_place(x * over[..., None])]
        xq, qq = sum_of(w * q, x), sum_of(w * q, q)
        s = xq * inverse(qq)
        better = best < s * xq
        scale, weight = np.where(better, s, scale), np.where(better, qq, weight)
        best = np.where(better, s * xq, best)
    return np.where(abs(peak) > F(2.0**40), F(np.inf), scale), weight


def _place(x: F32) -> U8:
    """Where in the codebook the nearest value is, the lower one at a tie."""
    middles = (CODEBOOK[1:] + CODEBOOK[:-1]) / 2
    return (x[..., None] > middles).sum(-1).astype(np.uint8)


def _iq4_nl(x: F32, scale: F32) -> U8:
    d = half(scale)
    return np.concatenate([_halves(d), _nibbles(_place(x * inverse(d)[:, None]))], axis=1)


def _iq4_xs(x: F32, scale: F32, weight: F32) -> U8:
    d = scale_step(scale, weight, -32, 31, np.array([-32, -31, -30, -29]))[:, None]
    six = codes(scale * inverse(d), -32, 31)
    q = _nibbles(_place(x * inverse(d * six)[..., None])).reshape(len(x), 128)
    six = (six + 32).astype(np.uint16)
    upper = (six >> 4 << 2 * np.arange(8, dtype=np.uint16)).sum(1).astype("<u2")
    low = (six[:, 0::2] & 15 | (six[:, 1::2] & 15) << 4).astype(np.uint8)
    return np.concatenate([_halves(d), upper.view(np.uint8).reshape(-1, 2), low, q], axis=1)


def _nibbles(q: U8) -> U8:
    """Codes of 32 weights -> 16 bytes."""
    return (q[..., :16] & 15) | (q[..., 16:] & 15) << 4


def _halves(d: F32) -> U8:
    return d.astype("<f2").view(np.uint8).reshape(len(d), 2)
