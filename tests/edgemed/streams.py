"""Merge methods run on arrays in memory, through the same streams as on files."""

import numpy as np
from numpy.typing import NDArray

from edgemed.merging.methods.schema import bind
from edgemed.merging.methods.stream import Stream
from edgemed.merging.methods.table import METHODS

F32 = NDArray[np.float32]


NAME = "blk.0.attn_q.weight"


def stream_of(
    arrays: list[F32], based: bool, at_once: int = 3, seed: int = 0, name: str = NAME
) -> Stream:
    """A stream over arrays of one shape, `at_once` rows at a time."""
    rows = [np.atleast_2d(a).reshape(-1, a.shape[-1]) for a in arrays]

    def read(first: int, count: int) -> F32:
        return np.stack([r[first : first + count] for r in rows]).astype(np.float32)

    return Stream(
        name,
        "attn",
        len(arrays),
        rows[0].shape[0],
        rows[0].shape[1],
        based,
        arrays[0].ndim == 1,
        seed,
        at_once,
        read,
    )


def merged(
    method_name: str,
    arrays: list[F32],
    at_once: int = 3,
    seed: int = 0,
    name: str = NAME,
    **given: object,
) -> F32:
    """The result of a method; the base first where it takes one. Parameters as in a recipe."""
    method = METHODS[method_name]
    based = method.base == "required" or (method.base == "optional" and given.pop("based", False))
    stream = stream_of(arrays, bool(based), at_once, seed, name)

    def own(key: str, model: int) -> object:
        value = given.get(key)
        return value[model] if isinstance(value, list) else value

    bound = bind(method.parameters, stream.models, given.get, own, name)
    mix = method.function(stream, **dict(bound))
    out = []
    for first, x in stream.chunks():
        mix.blend(x, first)
        out.append(x[0])
    return np.concatenate(out).reshape(arrays[0].shape)
