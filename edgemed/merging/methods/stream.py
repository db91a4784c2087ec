"""The sources of one tensor as a stream of rows, and what can be summed over all of them.

A method sees a tensor through this: it may pass over the rows as often as it needs to, and never
holds them all. Sums are float64 partials of fixed columns added in the order of rows, so they do
not depend on how rows are divided into chunks.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from edgemed_native import mix
from edgemed_native.sum_kernels import add_gram
from numpy.typing import NDArray

from edgemed.errors import EdgemedError

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

Read = Callable[[int, int], F32]
"""(first row, rows) -> f32[sources, rows, length]; may be overwritten, valid until the next
call."""


class NotFinite(EdgemedError):
    """A tensor's sources, or their mix, hold NaN or infinity; `where` says in which file."""

    def __init__(self, name: str, where: str = "a source") -> None:
        super().__init__(
            f"{name}: NaN or infinity in {where}",
            "the file is damaged: download it again and compare its checksum",
        )


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows of all sources of tensor `name`; where `based`, source 0 is the base of the others."""

    name: str
    group: str
    sources: int
    rows: int
    length: int
    based: bool
    is_vector: bool
    seed: int
    at_once: int
    read: Read

    @property
    def models(self) -> int:
        """How many sources are not the base."""
        return self.sources - self.based

    @property
    def weights(self) -> int:
        return self.rows * self.length

    def chunks(self, start: int = 0) -> Iterator[tuple[int, F32]]:
        """(first row, f32[sources, rows, length]) over the whole tensor, in order, from chunk
        number `start`."""
        for first in range(start * self.at_once, self.rows, self.at_once):
            yield first, self.read(first, min(self.at_once, self.rows - first))

    def part(self, number: int, parts: int) -> "Stream":
        """One of several equal parts of the rows, as its own stream."""
        rows = self.rows // parts
        start = number * rows
        return replace(
            self,
            name=f"{self.name}[{number}]",
            rows=rows,
            at_once=min(self.at_once, rows),
            read=lambda first, count: self.read(start + first, count),
        )

    def gram(self) -> F64:
        """f64[sources, sources]: the product of every two sources; EdgemedError if not finite."""
        totals = np.zeros((self.sources, self.sources))
        for _, x in self.chunks():
            add_gram(x, totals)
        if not np.isfinite(totals).all():
            raise NotFinite(self.name)
        return totals

    def key(self, model: int) -> np.uint32:
        """The key of the random numbers for a model's elements, besides their index."""
        words = f"{self.seed}\0{self.name}\0{model}".encode()
        return np.uint32(int.from_bytes(hashlib.sha256(words).digest()[:4], "little"))


class Mix(NamedTuple):
    """How the rows of all sources become the rows of the result.

    `blend(x f32[sources, rows, length], first row)` leaves the result in x[0]; x is its to use.
    `keeps_equal_rows`: a row that is the same in all sources is itself the result. `facts` are
    figures that the passes found, by name, for reports.
    """

    blend: Callable[[F32, int], None]
    keeps_equal_rows: bool = True
    facts: Mapping[str, float] = MappingProxyType({})


def weighted(
    factors: tuple[float, ...],
    keeps_equal_rows: bool | None = None,
    facts: Mapping[str, float] = MappingProxyType({}),
) -> Mix:
    """The sum of factor times source; equal rows are kept if the factors add up to one."""
    if keeps_equal_rows is None:
        keeps_equal_rows = abs(math.fsum(factors) - 1.0) < 1e-9
    return Mix(partial(combine, factors), keeps_equal_rows, facts)


def combine(factors: tuple[float, ...], x: F32, first: int) -> None:
    """factors[0] x[0] + factors[1] x[1] + ..., rounded to float32 after every step, in place."""
    if len(factors) == 1:
        np.multiply(x[0], np.float32(factors[0]), out=x[0])
        return
    result = x[0]
    mix.weighted(result, x[1], factors[0], factors[1], result)
    for i in range(2, len(factors)):
        mix.weighted(result, x[i], 1.0, factors[i], result)
