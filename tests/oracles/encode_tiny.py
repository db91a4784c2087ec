"""MXFP4, NVFP4, TQ1_0, TQ2_0, Q2_0 and Q1_0 once more, without lanes, as in `encode`."""

import numpy as np

from tests.oracles.encode import F32, U8, F, codes, half, inverse, sum_of

STEPS = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], F)


def encode(name: str, x: F32) -> U8:
    """x f32[rows, n] -> u8[rows, bytes]."""
    makers = {
        "MXFP4": (32, _mxfp4),
        "NVFP4": (64, _nvfp4),
        "TQ1_0": (256, _tq1_0),
        "TQ2_0": (256, _tq2_0),
        "Q2_0": (64, _q2_0),
        "Q1_0": (128, _q1_0),
    }
    width, maker = makers[name]
    with np.errstate(all="ignore"):
        return maker(x.reshape(-1, width)).reshape(len(x), -1)


def _step_index(size: F32) -> U8:
    """Which magnitude is nearest, the smaller at a tie."""
    return (size[..., None] > (STEPS[1:] + STEPS[:-1]) / 2).sum(-1).astype(np.uint8)


def _e2m1(y: F32) -> U8:
    return _step_index(abs(y)) | np.where(y < F(-0.25), 8, 0).astype(np.uint8)


def _least(x: F32, tried: list[F32], scales: F32) -> F32:
    """Of the codes tried for each row, the one whose scale errs least, the first of equals."""
    best, least = tried[0], np.full(len(x), np.inf, F)
    for code in tried:
        scale = scales[code.astype(int)]
        y = abs(x) * inverse(scale)[:, None]
        off = abs(x) - STEPS[_step_index(y)] * scale[:, None]
        error = sum_of(off, off)
        best = np.where(error < least, code, best)
        least = np.fmin(least, error)
    return best


def _mxfp4(x: F32) -> U8:
    powers = (np.arange(256, dtype=np.uint32) << 23).view(F)
    exponent = (abs(x).max(1).view(np.uint32) >> 23).astype(F)
    tried = [np.clip(exponent - 2 + k, 1, 254) for k in (0, 1)]
    code = _least(x, tried, powers).astype(np.uint8)
    q = _e2m1(x * inverse(powers[code])[:, None])
    return np.concatenate([code[:, None], q[:, :16] | q[:, 16:] << 4], axis=1)


def _nvfp4(x: F32) -> U8:
    number = np.arange(128, dtype=np.uint32)
    values = ((number << 20) + np.uint32(120 << 23)).view(F)
    values[:8] = number[:8] * F(2.0**-9)
    parts = x.reshape(-1, 16)
    wanted = np.fmin(abs(parts).max(1) * F(1 / 6), F(448))
    base = (wanted.view(np.uint32) + np.uint32(1 << 19) >> 20).astype(np.int32) - 960
    base = np.where(wanted < 2.0**-6, np.rint(wanted * F(512)), np.clip(base, 0, 126)).astype(F)
    tried = [np.clip(base + k, 0, 126) for k in (0, 1, -1, 2, -2, 3, 4, 5)]
    code = _least(parts, tried, values).astype(np.uint8)
    q = _e2m1(parts * inverse(values[code])[:, None])
    nibbles = (q[:, :8] | q[:, 8:] << 4).reshape(-1, 32)
    return np.concatenate([code.reshape(-1, 4), nibbles], axis=1)


def _fit(x: F32, inverses: list[F32], lowest: int, highest: int) -> F32:
    peak = abs(x).max(1)
    best, scale = np.zeros(len(x), F), np.zeros(len(x), F)
    for over in [inverse(peak), *inverses, None, None]:
        over = inverse(scale) if over is None else over
        q = codes(x * over[:, None], lowest, highest)
        xq, qq = sum_of(x, q), sum_of(q, q)
        s = xq * inverse(qq)
        scale, best = np.where(best < s * xq, s, scale), np.fmax(best, s * xq)
    return half(np.where(peak > F(2.0**40), F(np.inf), scale))


def _ternary(x: F32) -> tuple[F32, U8]:
    mean = sum_of(abs(x), np.ones_like(x)) * F(1 / 256)
    d = _fit(x, [F(k) * inverse(mean) for k in (1.2, 0.9, 0.65, 0.5)], -1, 1)
    return d, (codes(x * inverse(d)[:, None], -1, 1) + 1).astype(np.uint8)


def _tq2_0(x: F32) -> U8:
    d, q = _ternary(x)
    a, b, c, e = np.moveaxis(q.reshape(-1, 2, 4, 32), 2, 0)
    return np.concatenate([(a | b << 2 | c << 4 | e << 6).reshape(-1, 64), _halves(d)], axis=1)


def _tq1_0(x: F32) -> U8:
    d, q = _ternary(x)
    powers = 3 ** np.arange(4, -1, -1)
    five = q[:, :160].reshape(-1, 5, 32), q[:, 160:240].reshape(-1, 5, 16)
    digits = [np.einsum("bkm,k->bm", part.astype(int), powers) for part in five]
    digits.append(np.einsum("bkm,k->bm", q[:, 240:].reshape(-1, 4, 4).astype(int), powers[:4]))
    packed = -(-np.concatenate(digits, axis=1) * 256 // 243)
    return np.concatenate([packed.astype(np.uint8), _halves(d)], axis=1)


def _q2_0(x: F32) -> U8:
    peak = np.take_along_axis(x, np.abs(x).argmax(1)[:, None], 1)[:, 0]
    d = _fit(x, [F(k) * inverse(peak) for k in (1, -1, 2.3, 1.9, 1.5, -1.4)], -1, 2)
    q = (codes(x * inverse(d)[:, None], -1, 2) + 1).astype(np.uint8).reshape(-1, 16, 4)
    packed = (q << 2 * np.arange(4, dtype=np.uint8)).sum(2).astype(np.uint8)
    return np.concatenate([_halves(d), packed], axis=1)


def _q1_0(x: F32) -> U8:
    d = sum_of(abs(x), np.ones_like(x)) * F(1 / 128)
    return np.concatenate([_halves(d), np.packbits(~(x < 0), axis=1, bitorder="little")], axis=1)


def _halves(d: F32) -> U8:
    return d.astype("<f2").view(np.uint8).reshape(len(d), 2)
