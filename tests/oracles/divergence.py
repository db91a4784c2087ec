"""KL divergence of two models and perplexity from logits, in float64, row by row: the slow twin."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def probabilities(row: NDArray[np.float32]) -> NDArray[np.float64]:
    """Softmax of one row of logits."""
    wide = row.astype(np.float64)
    powers = np.exp(wide - wide.max())
    return np.asarray(powers / powers.sum())


def kl(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> list[float]:
    """KL(theirs | ours) of every row, in nats."""
    found = []
    for mine, other in zip(ours, theirs, strict=True):
        q, p = probabilities(mine), probabilities(other)
        found.append(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a))
    return found


def perplexity(logits: NDArray[np.float32], ids: Sequence[int]) -> float:
    """exp of the mean surprise of ids[1:], with logits behind ids[:-1]."""
    logs = [math.log(probabilities(row)[token]) for row, token in zip(logits, ids[1:], strict=True)]
    return math.exp(-sum(logs) / len(logs))
