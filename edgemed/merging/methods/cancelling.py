"""Weights that cancel: dividing by their sum, or adding them up, would leave no usable model.

A sum of weights counts as zero where it is below a thousandth of the sum of their magnitudes:
dividing by it would multiply what the models differ in, rounding included, a thousand times.
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from edgemed.errors import UsageError
from edgemed.merging.methods.schema import Each

LEAST_SHARE = 1e-3
MOST_SUBSETS = 12
"""Up to this many models every combination of weights is checked; above, only pairs and the whole
sum."""

OTHER_WEIGHTS = "give weights whose sum is not 0, or switch the division off: {}=false"


def cancel(weight: Sequence[float]) -> bool:
    """Whether the weights add up to zero, or nearly."""
    return abs(math.fsum(weight)) <= LEAST_SHARE * math.fsum(map(abs, weight))


def some_cancel(weight: Sequence[float]) -> bool:
    """Whether any subset of the weights adds up to nearly zero."""
    used = [w for w in weight if w]
    if min(used, default=1.0) > 0.0 or max(used, default=-1.0) < 0.0:
        return False
    sizes = range(2, len(used) + 1) if len(used) <= MOST_SUBSETS else (2, len(used))
    return any(cancel(some) for size in sizes for some in combinations(used, size))


def divided_by_nothing(
    switch: str, found: Callable[[Sequence[float]], bool] = cancel, spared: bool = False
) -> Callable[..., None]:
    """A check for methods that divide by their weights if the parameter `switch` is true.

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
                OTHER_WEIGHTS.format(switch) if switch else "give weights whose sum is not 0",
            )

    return check


def of_linear(name: str, *, weight: Each, normalize: bool) -> None:
    """Check the weights of a sum: they must not be divided by zero, nor all be zero."""
    divided_by_nothing("normalize")(name, weight=weight, normalize=normalize)
    if not any(weight):
        raise UsageError(
            f"{name}: every weight is 0, which makes a tensor of zeros",
            "give at least one model a weight",
        )


def is_difference(method: str, parameters: dict[str, Any]) -> bool:
    """Whether an undivided linear sum is a difference of models rather than a model."""
    return method == "linear" and not parameters["normalize"] and cancel(parameters["weight"])
