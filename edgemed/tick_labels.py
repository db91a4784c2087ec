"""The numbers beside an axis, with as few digits as their positions need."""

import math
from collections.abc import Sequence
from itertools import pairwise

MOST = 15  # digits that a float has


def tick_labels(values: Sequence[float], digits: int) -> list[str]:
    """`values` with `digits` decimals, or as many more as it takes for each label to be off by at
    most a tenth of the smallest gap between two values."""
    apart = sorted(set(values))
    gap = min((b - a for a, b in pairwise(apart)), default=math.inf)
    while digits < MOST:
        labels = [f"{value:.{digits}f}" for value in values]
        off = max(abs(float(label) - value) for label, value in zip(labels, values, strict=True))
        if off <= gap / 10:
            return labels
        digits += 1
    return [f"{value:.{MOST}f}" for value in values]
