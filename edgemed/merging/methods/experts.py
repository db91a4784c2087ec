"""Merges every expert of a tensor as a tensor of its own; GGUF stores experts side by side.

A checkpoint has a tensor for every expert, GGUF one for all experts of a block. What a method
computes from a whole tensor (an angle, a threshold, random masks) it computes for each expert, so
that a merge of GGUF files does what the same recipe does to checkpoints.
"""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from edgemed.gguf import Tensor
from edgemed.merging.methods.stream import F32, Mix, Stream


def experts_of(tensor: Tensor) -> int:
    """How many experts the tensor holds; 1 for all others."""
    return tensor.shape[2] if "_exps." in tensor.name and len(tensor.shape) == 3 else 1


def prepared(method: Callable[..., Mix], stream: Stream, experts: int, **parameters: Any) -> Mix:
    """Prepare every expert, and return one mix whose chunks each hold rows of one expert."""
    if experts == 1:
        return method(stream, **parameters)
    mixes = [method(stream.part(i, experts), **parameters) for i in range(experts)]
    facts = {name: median(mix.facts[name] for mix in mixes) for name in mixes[0].facts}
    blend = partial(blend_own, mixes, stream.rows // experts)
    return Mix(blend, all(mix.keeps_equal_rows for mix in mixes), facts)


def blend_own(mixes: Sequence[Mix], rows: int, x: F32, first: int) -> None:
    """The mix of the expert that row `first` is in. `rows` each expert has."""
    mixes[first // rows].blend(x, first % rows)
