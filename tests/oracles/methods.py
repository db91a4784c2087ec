"""Merge methods on whole arrays in float64, from the papers' formulas. Slow, and shares no code.

Every function takes float arrays of one shape and returns the merged array.
"""

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def linear(models: list[F64], weight: list[float], normalize: bool = True) -> F64:
    total = sum(w * x for w, x in zip(weight, models, strict=True))
    return total / sum(weight) if normalize else total


def angle(a: F64, b: F64) -> float:
    return float(np.arccos(np.clip((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()), -1, 1)))


def slerp(a: F64, b: F64, t: float, straight: float = 0.9995) -> F64:
    theta = angle(a, b)
    if np.cos(theta) > straight:
        return (1 - t) * a + t * b
    return (np.sin((1 - t) * theta) * a + np.sin(t * theta) * b) / np.sin(theta)


def along(axis: int, a: F64, b: F64, t: float) -> F64:
    """SLERP of every vector along `axis`."""
    pairs = zip(np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1), strict=True)
    return np.moveaxis(np.array([slerp(x, y, t, 1.0) for x, y in pairs]), -1, axis)


def multislerp(models: list[F64], weight: list[float]) -> F64:
    w = np.array(weight) / sum(weight)
    units = [x / np.linalg.norm(x) for x in models]
    mean = sum(a * u for a, u in zip(w, units, strict=True))
    mean = mean / np.linalg.norm(mean)
    tangent = sum(a * (u - (u * mean).sum() * mean) for a, u in zip(w, units, strict=True))
    size = np.linalg.norm(tangent) + 1e-8
    point = np.cos(size) * mean + np.sin(size) / size * tangent
    return point * sum(a * np.linalg.norm(x) for a, x in zip(w, models, strict=True))


def karcher(models: list[F64], weight: list[float], steps: int = 200) -> F64:
    """Gradient descent on the sphere until it stands still: what the fixed point must be."""
    w = np.array(weight) / sum(weight)
    units = [x / np.linalg.norm(x) for x in models]
    mean = units[0]
    for _ in range(steps):
        gradient = np.zeros_like(mean)
        for a, u in zip(w, units, strict=True):
            theta = angle(mean, u)
            if theta > 1e-12:
                gradient += a * theta / np.sin(theta) * (u - np.cos(theta) * mean)
        size = np.linalg.norm(gradient)
        if size < 1e-14:
            break
        mean = np.cos(size) * mean + np.sin(size) * gradient / size
        mean /= np.linalg.norm(mean)
    return mean * sum(a * np.linalg.norm(x) for a, x in zip(w, models, strict=True))


def by_size(d: F64) -> NDArray[np.int64]:
    """Elements by magnitude, the largest first; among equals the lowest index is first."""
    return np.argsort(-np.abs(d), axis=None, kind="stable")


def chosen(d: F64, top: int, kept: int) -> NDArray[np.bool_]:
    """Which elements are among the `kept` that come after the `top` largest."""
    mask = np.zeros(d.size, bool)
    mask[by_size(d)[top : top + kept]] = True
    return mask.reshape(d.shape)


def largest(d: F64, density: float) -> NDArray[np.bool_]:
    """Which elements are among the int(density n) largest."""
    return chosen(d, 0, int(density * d.size))


def inner(d: F64, density: float, gamma: float) -> NDArray[np.bool_]:
    """Which elements are left after the largest and the smallest were dropped."""
    kept, top = int(density * d.size), int(gamma * d.size)
    return chosen(d, min(top, d.size - kept), kept)


def rescaled(d: F64, mask: NDArray[np.bool_]) -> F64:
    return d * mask * (np.abs(d).sum() / np.abs(d * mask).sum())


def elected(deltas: list[F64], weight: list[float], normalize: bool = True) -> F64:
    """TIES: the deltas on the side of the weighted sum, divided by their weights."""
    wd = np.array([w * d for w, d in zip(weight, deltas, strict=True)])
    side = np.where(wd.sum(axis=0) >= 0, 1.0, -1.0)
    agree = np.sign(wd) == side
    total = (wd * agree).sum(axis=0)
    share = (np.array(weight).reshape(-1, *[1] * deltas[0].ndim) * agree).sum(axis=0)
    return total / np.where(share == 0, 1, share) if normalize else total


def sce(base: F64, models: list[F64], topk: float) -> F64:
    d = np.array([x - base for x in models])
    spread = d.var(axis=0)
    if topk < 1:
        d = d * chosen(spread, 0, int(topk * np.count_nonzero(spread)))
    weight = (d**2).sum(axis=tuple(range(1, d.ndim)))
    weight = weight / weight.sum()
    agree = np.sign(d) == np.where(d.sum(axis=0) >= 0, 1.0, -1.0)
    share = np.tensordot(weight, agree, 1)
    return base + np.tensordot(weight, d * agree, 1) / np.where(share == 0, 1, share)


def ram(base: F64, models: list[F64], epsilon: float, r: float = 0.0, alpha: float = 0.0) -> F64:
    d = np.array([x - base for x in models])
    changed = np.abs(d) > epsilon
    count = changed.sum(axis=0)
    out = base.copy()
    for delta, mine in zip(d, changed, strict=True):
        alone, shared = mine & (count == 1), mine & (count > 1)
        factor = 1 + r * min(max(shared.sum() / max(alone.sum(), epsilon), 0), alpha)
        out = out + np.where(alone, delta * factor, 0)
        out = out + np.where(shared, delta / np.maximum(count, 1), 0)
    return out


def model_stock(base: F64, models: list[F64]) -> F64:
    d = [x - base for x in models]
    n = len(d)
    pairs = [np.cos(angle(d[i], d[j])) for i in range(n) for j in range(i)]
    c = float(np.mean(pairs))
    t = n * c / (1 + (n - 1) * c)
    return t * sum(models) / n + (1 - t) * base


def nearswap(a: F64, b: F64, t: float) -> F64:
    with np.errstate(divide="ignore"):
        k = np.clip(t / np.abs(a - b), 0, 1)
    return k * b + (1 - k) * a


def softmax(x: F64) -> F64:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def arcee_fusion(a: F64, b: F64) -> tuple[F64, float]:
    """The importance of every element, and its threshold."""
    p, q = softmax(b) + 1e-8, softmax(a) + 1e-8
    importance = np.abs(b - a) * (p * np.log(p / q)).sum(axis=-1, keepdims=True)
    order = np.sort(importance, axis=None)
    q1, median, q3 = (order[int(share * (order.size - 1))] for share in (0.25, 0.5, 0.75))
    return importance, median + 1.5 * (q3 - q1)


def projected_off(d: F64, away: F64, rank: int) -> F64:
    """d without the part in the leading row space of `away` (rank 0: along `away` as a whole)."""
    if rank == 0:
        return d - (d * away).sum() / (away * away).sum() * away
    basis = np.linalg.svd(away, full_matrices=False)[2][:rank]
    return d - d @ basis.T @ basis


def philox(low: int, high: int, key: int, rounds: int = 7) -> tuple[int, int]:
    """Philox 2x32 on Python integers."""
    for _ in range(rounds):
        product = low * 0xD256D193
        low, high = (product >> 32) ^ key ^ high, product & 0xFFFFFFFF
        key = (key + 0x9E3779B9) & 0xFFFFFFFF
    return low, high


def random_number(index: int, key: int) -> int:
    """The 16 bits of one element, by its absolute index."""
    group, place = divmod(index, 256)
    counter = 64 * group + place % 64
    words = philox(counter & 0xFFFFFFFF, counter >> 32, key)
    return (words[place // 64 % 2] >> (16 * (place // 128))) & 0xFFFF


def random_mask(shape: tuple[int, ...], key: int, probability: F64 | float) -> NDArray[np.bool_]:
    """Which elements stay; probabilities are rounded to 1 / 65,536."""
    numbers = [random_number(i, key) for i in range(int(np.prod(shape)))]
    limits = np.floor(np.broadcast_to(probability, shape) * 65536 + 0.5)
    return np.array(numbers).reshape(shape) < limits


def rank_probabilities(d: F64, density: float, epsilon: float) -> F64:
    """DELLA: the smallest of a row stays with density - epsilon, the largest with + epsilon."""
    ranks = np.argsort(np.argsort(np.abs(d), axis=1, kind="stable"), axis=1, kind="stable")
    return density - epsilon + 2 * epsilon * ranks / (d.shape[1] - 1)
