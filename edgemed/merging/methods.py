"""Merge methods: what each says about two rows, and whether it must see a whole tensor first.

A method here turns t and, where it asks for them, three sums over the whole tensor into the two
weights of `wa * A + wb * B`. The kernels in `edgemed_native.mix` do the rest.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

COLLINEAR = 0.9995
"""Above this cosine SLERP is linear interpolation (the published reference's threshold)."""


class Sums(NamedTuple):
    """Over all weights of a tensor, in float64: A.B, A.A and B.B."""

    dot: float
    aa: float
    bb: float


class Weights(NamedTuple):
    """The factors of A and B."""

    a: float
    b: float


class Method(NamedTuple):
    """`weights(t, sums)`; `sums` is None unless the method needs the statistics pass."""

    needs_sums: bool
    weights: Callable[[float, Sums | None], Weights]


def linear(t: float, sums: Sums | None = None) -> Weights:
    """(1 - t) A + t B."""
    return Weights(1.0 - t, t)


def slerp(t: float, sums: Sums | None) -> Weights:
    """Along the great circle between the two flattened tensors (Shoemake, SIGGRAPH 1985).

    theta = acos(A.B / |A||B|); weights sin((1-t) theta)/sin theta and sin(t theta)/sin theta act on
    the tensors as they are, not on unit vectors. Linear where the tensors are nearly collinear, or
    where one of them is zero and has no direction.
    """
    assert sums is not None
    norms = math.sqrt(sums.aa) * math.sqrt(sums.bb)
    cosine = sums.dot / norms if norms > 0.0 else 1.0
    if abs(cosine) > COLLINEAR:
        return linear(t)
    theta = math.acos(cosine)
    return Weights(
        math.sin((1.0 - t) * theta) / math.sin(theta), math.sin(t * theta) / math.sin(theta)
    )


METHODS: dict[str, Method] = {
    "linear": Method(False, linear),
    "slerp": Method(True, slerp),
}
