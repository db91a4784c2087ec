"""Weights that cancel: what would be divided by nothing, or would leave nothing of any model.

A sum of weights counts as none where it is less than a thousandth of their magnitudes: dividing by
it would multiply what the models differ in, rounding included, a thousand times.
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from edgemed.errors import UsageError
from edgemed.merging.methods.schema import Each

LEAST_SHARE = 1e-3
MOST_SUBSETS = 12
"""Models at most whose weights are tried in every combination; of more, in pairs and all."""

OTHER_WEIGHTS = "give weights that add up to something, or switch the division off: {}=false"


def cancel(weight: Sequence[float]) -> bool:
    """Whether the weights add up to (next to) nothing."""
    return abs(math.fsum(weight)) <= LEAST_SHARE * math.fsum(map(abs, weight))


def some_cancel(weight: Sequence[float]) -> bool:
    """Whether any of the weights, by themselves, add up to next to nothing."""
    used = [w for w in weight if w]
    if min(used, default=1.0) > 0.0 or max(used, default=-1.0) < 0.0:
        return False
    sizes = range(2, len(used) + 1) if len(used) <= MOST_SUBSETS else (2, len(used))
    return any(cancel(some) for size in sizes for some in combinations(used, size))


def divided_by_nothing(
    switch: str, found: Callable[[Sequence[float]], bool] = cancel, spared: bool = False
) -> Callable[..., None]:
    """A check of a method that divides by its weights where the parameter `switch` says so.

    `spared`: where no model has a weight the base is the result, and nothing is divided.
    """

    def check(name: str, *, weight: Each, **parameters: Any) -> None:
        if not parameters.get(switch, True) or (spared and not any(weight)):
            return
        if found(weight):
            shown = ", ".join(f"{w:g}" for w in weight)
            what = "add up to 0" if found is cancel else "cancel where few models agree"
            raise UsageError(
                f"{name}: the weights {shown} {what}, and the sum is divided by them",
                OTHER_WEIGHTS.format(switch) if switch else "give weights that add up to something",
            )

    return check


def of_linear(name: str, *, weight: Each, normalize: bool) -> None:
    """The weights of a sum: not divided by nothing, and not all zero."""
    divided_by_nothing("normalize")(name, weight=weight, normalize=normalize)
    if not any(weight):
        raise UsageError(
            f"{name}: every weight is 0, which makes a tensor of zeros", "give a model a weight"
        )


def is_difference(method: str, parameters: dict[str, Any]) -> bool:
    """Whether a linear sum, not divided, is what models differ in and no model."""
    return method == "linear" and not parameters["normalize"] and cancel(parameters["weight"])
