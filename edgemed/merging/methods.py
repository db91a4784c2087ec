"""Merge methods: each is its formula. The signature is the schema that recipes are checked against.

A method gets the stream of a tensor's rows and its parameters for that tensor, and says how rows
are mixed. x_i are the models, x_0 the base, d_i = x_i - x_0 the deltas, w_i the weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edgemed.merging import schema, spheres
from edgemed.merging.schema import Each, Share
from edgemed.merging.stream import Mix, Stream, weighted


def linear(stream: Stream, *, weight: Each, normalize: bool = True) -> Mix:
    """sum w_i x_i, divided by sum w_i (Wortsman et al., model soups, arXiv 2203.05482)."""
    total = sum(weight) if normalize else 1.0
    return weighted(tuple(w / (total or 1.0) for w in weight))


def slerp(stream: Stream, *, t: Share) -> Mix:
    """The base at t = 0, the other model at 1, along the great circle (Shoemake, SIGGRAPH 1985).

    Vectors (norms, biases) are interpolated linearly: their length carries meaning.
    """
    factors = (1.0 - t, t) if stream.is_vector else spheres.great_circle(t, stream.gram())
    return weighted(factors, keeps_equal_rows=True)


Base = Literal["none", "optional", "required", "first of two"]


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table: the function, its base, how many models, and what needs no blending.

    `alone(group, **parameters)` is the number of the one source that is the result as it is, or
    None. `passes` are those over all rows before the mixing; `state(sources, rows, length,
    **parameters)` is how many bytes they and the mixing keep beside the chunk.
    """

    function: Callable[..., Mix]
    base: Base = "none"
    least: int = 1
    most: int | None = None
    passes: int = 0
    alone: Callable[..., int | None] = lambda group, **parameters: None
    state: Callable[..., int] = lambda sources, rows, length, **parameters: 0

    @property
    def parameters(self) -> dict[str, schema.Parameter]:
        """Recipe name -> what is known of it."""
        return schema.parameters(self.function)


def one_weight(group: str, *, weight: Each, normalize: bool) -> int | None:
    """The only model with a weight, where the sum is that model as it is."""
    used = [i for i, w in enumerate(weight) if w]
    return used[0] if len(used) == 1 and (normalize or weight[used[0]] == 1.0) else None


def one_end(group: str, *, t: float) -> int | None:
    """The base at t = 0, the other at t = 1."""
    return int(t) if t in (0.0, 1.0) else None


METHODS: dict[str, Method] = {
    "linear": Method(linear, alone=one_weight),
    "slerp": Method(slerp, "first of two", 2, 2, passes=1, alone=one_end),
}
