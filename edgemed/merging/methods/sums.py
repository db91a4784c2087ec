"""Methods that add whole models with given factors."""

import math

from edgemed.merging.methods import cancelling
from edgemed.merging.methods.method import Method
from edgemed.merging.methods.schema import Each
from edgemed.merging.methods.stream import Mix, Stream, weighted


def linear(stream: Stream, *, weight: Each, normalize: bool = True) -> Mix:
    """sum w_i x_i, divided by sum w_i (model soups: Wortsman et al., arXiv 2203.05482)."""
    total = math.fsum(weight) if normalize else 1.0
    return weighted(tuple(w / (total or 1.0) for w in weight))


def passthrough(stream: Stream, *, scale: Each = (1.0,)) -> Mix:
    """x_1, times scale."""
    return weighted(scale)


def instruction_residual(stream: Stream, *, scale: float = 1.0) -> Mix:
    """x_1 + scale (x_2 - x_0): a domain model plus what instruction tuning added to their base
    (Jindal et al., arXiv 2410.10739)."""
    return weighted((-scale, 1.0, scale), True)


def one_weight(group: str, *, weight: Each, normalize: bool) -> int | None:
    """The only model with a weight, where the sum is that model as it is."""
    used = [i for i, w in enumerate(weight) if w]
    return used[0] if len(used) == 1 and (normalize or weight[used[0]] == 1.0) else None


def unscaled(group: str, *, scale: Each) -> int | None:
    """The model itself."""
    return 0 if scale == (1.0,) else None


ROWS = {
    "linear": Method(linear, "none", 1, alone=one_weight, check=cancelling.of_linear),
    "passthrough": Method(passthrough, "none", 1, 1, alone=unscaled),
    "instruction_residual": Method(instruction_residual, "required", 2, 2),
}
