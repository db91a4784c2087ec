"""Means with 95 % intervals: documents are resampled, not sentences, for those of one are alike."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

SAMPLES = 1000


def grouped(pairs: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for document, value in pairs:
        found[document].append(value)
    return found


def interval(by_document: dict[str, list[float]]) -> str:
    """Mean over sentences with its 95 % interval, documents resampled."""
    sums = np.array([sum(v) for v in by_document.values()])
    counts = np.array([len(v) for v in by_document.values()])
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(sums), (SAMPLES, len(sums)))
    means = 100 * sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * sums.sum() / counts.sum():.1f} ({low:.1f} to {high:.1f})"
