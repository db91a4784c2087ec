"""MedCare's routed path and orthogonal term in float64, token by token and entry by entry.

The slow twins of edgemed_models.trainable.routed; gradients by differences, or as written down.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Arrays = Mapping[str, F64]

STEP = 1e-6


def gate(logits: F64, active: int = 2) -> list[float]:
    """The softmax over all experts; the largest are kept, and divided by their sum."""
    powers = [math.exp(x - max(logits)) for x in logits]
    shares = [p / sum(powers) for p in powers]
    largest = sorted(range(len(shares)), key=lambda i: -shares[i])[:active]
    total = sum(shares[i] for i in largest)
    return [shares[i] / total if i in largest else 0.0 for i in range(len(shares))]


def routed(x: F64, p: Arrays, scale: float, experts: int) -> F64:
    """What a routed path adds for x[tokens, length], shared path included.

    `p`: shared.a, shared.b, gate, bias, and a, b with the experts one after the other.
    """
    rank = len(p["a"]) // experts
    out = np.zeros((len(x), len(p["b"])))
    for t, token in enumerate(x):
        out[t] += scale * (p["shared.b"] @ (p["shared.a"] @ token))
        for i, weight in enumerate(gate(p["gate"] @ token + p["bias"])):
            a, b = p["a"][i * rank : (i + 1) * rank], p["b"][:, i * rank : (i + 1) * rank]
            out[t] += scale * weight * (b @ (a @ token))
    return out


def by_differences(f: Callable[[Arrays], float], p: Arrays) -> dict[str, F64]:
    """The gradient of f at p, an entry at a time."""
    found = {}
    for name, values in p.items():
        found[name] = np.zeros_like(values)
        for place in np.ndindex(values.shape):
            ends = []
            for step in (-STEP, STEP):
                moved = values.copy()
                moved[place] += step
                ends.append(f({**p, name: moved}))
            found[name][place] = (ends[1] - ends[0]) / (2 * STEP)
    return found


def overlap(base: F64, orth: F64) -> tuple[float, F64, F64]:
    """The sum over all pairs of rows of |base_i . orth_j|, and its gradients for base and orth."""
    total, for_base, for_orth = 0.0, np.zeros_like(base), np.zeros_like(orth)
    for i, one in enumerate(base):
        for j, other in enumerate(orth):
            dot = sum(float(u) * float(v) for u, v in zip(one, other, strict=True))
            total += abs(dot)
            for_base[i] += math.copysign(1, dot) * other
            for_orth[j] += math.copysign(1, dot) * one
    return total, for_base, for_orth
