"""An adapter as data: for each matrix of a model two low-rank ones, and their scale.

W' = W + scale B A        A f32[rank, row length], B f32[rows, rank]

For a tensor of experts both have one more dimension, in front: one pair for each expert.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pair:
    """What is added to one matrix, `scale` included by the reader."""

    a: F32
    b: F32
    scale: float
    lengths: F32 | None = None

    @property
    def rank(self) -> int:
        return int(self.a.shape[-2])


@dataclass(frozen=True, slots=True)
class Adapter:
    """Pairs by the matrix's name (`blk.0.attn_q.weight`), and what the file says about itself."""

    architecture: str
    pairs: Mapping[str, Pair]
    about: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
