"""What the kernels on differences of models do, in numpy: same float32 steps, same bits."""

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


def elect(x: F32, votes: F32, weights: F32, normalize: bool, scale: np.float32) -> F32:
    total = np.zeros_like(x[0])
    for v, d in zip(votes, x[1:], strict=True):
        total = total + v * d
    sign = np.where(total >= 0, np.float32(1), np.float32(-1))
    kept, share = np.zeros_like(x[0]), np.zeros_like(x[0])
    for v, w, d in zip(votes, weights, x[1:], strict=True):
        agrees = (v * sign * d > 0).astype(np.float32)
        kept = kept + w * d * agrees
        share = share + w * agrees
    divisor = np.where(share != 0, share, np.float32(1)) if normalize else np.float32(1)
    return x[0] + scale * (kept / divisor + (total - total))


def add_agreed(x: F32, weights: F32, least: np.float32) -> F32:
    total, apart = np.zeros_like(x[0]), np.zeros_like(x[0])
    for w, d in zip(weights, x[1:], strict=True):
        total = total + w * d
        apart = apart + np.abs(w * d)
    return x[0] + total * (np.abs(total) >= least * apart).astype(np.float32)


def near_swap(a: F32, b: F32, t: np.float32) -> F32:
    gap = np.abs(a - b)
    with np.errstate(divide="ignore"):
        k = np.where(gap > t, t / gap, np.float32(1))
    return k * b + (np.float32(1) - k) * a


def unique_and_shared(x: F32, epsilon: np.float32, factors: F32) -> F32:
    changed = (np.abs(x[1:]) > epsilon).astype(np.float32)
    count, total, own = np.zeros_like(x[0]), np.zeros_like(x[0]), np.zeros_like(x[0])
    for d, mine, factor in zip(x[1:], changed, factors, strict=True):
        count = count + mine
        total = total + d * mine
        own = own + d * mine * factor
    return x[0] + np.where(count > 1, total / np.maximum(count, np.float32(1)), own)


def variance(x: F32) -> F32:
    n = np.float32(len(x) - 1)
    total = np.zeros_like(x[0])
    for d in x[1:]:
        total = total + d
    mean, spread = total / n, np.zeros_like(x[0])
    for d in x[1:]:
        spread = spread + (d - mean) * (d - mean)
    return spread / n
