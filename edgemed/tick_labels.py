"""The numbers beside an axis: as few digits as tell any two of them apart."""

from collections.abc import Sequence

MOST = 15  # digits that a float has


def tick_labels(values: Sequence[float], digits: int) -> list[str]:
    """`values` with `digits` decimals, or with as many more as equal labels need to differ."""
    labels = [f"{value:.{digits}f}" for value in values]
    if len(set(labels)) < len(set(values)) and digits < MOST:
        return tick_labels(values, digits + 1)
    return labels
