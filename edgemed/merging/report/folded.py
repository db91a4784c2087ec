"""How much of an adapter's change is left after rounding, measured on some rows of every tensor.

With W the model's rows as its file holds them, r those with the adapter, q what r becomes in the
output's type:
    change    |r - W| / |W|
    rounding  the relative error of rounding rows of that size, which lie on no grid: sums of two
              neighbours of r
    held      cosine of (r - W) and (q - W): 1 where all of the change is written, 0 where none is
A change far below the rounding is lost: W lies on the type's grid, and r is rounded back to it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from edgemed_native.codecs import decode_rows, encode_rows, obstacle
from edgemed_native.ggml_types import BY_NAME
from numpy.typing import NDArray

from edgemed.adapters.change import ranges_of
from edgemed.gguf import Tensor
from edgemed.gguf.reading import decode
from edgemed.merging.parents import token_rows
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.steps import Step
from edgemed.merging.report.report import SOFT, TOO_COARSE, figure
from edgemed.merging.report.survey import Nowhere
from edgemed.merging.run.chunk import F32, Blender
from edgemed.merging.run.run import open_files, source_paths
from edgemed.quantizing.imatrix import of_row
from edgemed.quantizing.mixes import fitting

F64 = NDArray[np.float64]

PIECES, TOGETHER = 4, 16
"""Rows measured of a tensor: this many pieces spread evenly, this many rows each."""

LARGER = ("Q4_K", "Q5_K", "Q6_K", "Q8_0", "F16", "F32")
"""Types that may hold what the output's type does not, from few bits to many."""


@dataclass(frozen=True, slots=True)
class Folded:
    """One tensor's figures; `held` is None where the rows do not change. `larger`: held by type."""

    name: str
    type: str
    weights: int
    rows: int
    change: float
    rounding: float
    held: float | None
    larger: Mapping[str, float]


def measure_fold(plan: Plan) -> list[Folded]:
    """Every tensor that an adapter changes. The kernels must be compiled."""
    longest = max(step.sources[0].row_length for step in plan.steps)
    buffers = replace(plan.buffers, chunk=TOGETHER * longest, sources=1)
    with ExitStack() as stack:
        files = open_files(source_paths(plan), stack)
        sampler = RowSampler(files, Nowhere(), buffers, plan.recipe.seed)
        steps = [s for s in plan.steps if token_rows.is_changed(s.sources[0])]
        return [measured(sampler, step) for step in steps]


class RowSampler(Blender):
    """Reads some rows the way a merge does."""

    def rows(self, step: Step, first: int, count: int) -> tuple[F32, F32]:
        """The rows as the model's file holds them, and as the adapters change them."""
        packed, tensor = self._read(step, first, count), step.sources[0]
        plain = np.empty((count, tensor.row_length), np.float32)
        decode(token_rows.stored(tensor), packed[0], plain)
        return plain, self._decode(step, first, packed)[0]


def measured(sampler: RowSampler, step: Step) -> Folded:
    """The figures of one tensor."""
    tensor = step.sources[0]
    types = [step.type.name, *larger_types(step)]
    sums: dict[str, F64] = {name: np.zeros(4) for name in types}
    rows, sizes = 0, np.zeros(2)
    for first, count in measured_pieces(token_rows.stored(tensor)):
        plain, new = sampler.rows(step, first, count)
        columns = of_row(step.importances, tensor, first)
        rows += count
        for name in types:
            sums[name] += products(plain, new, rounded(name, new, columns))
        apart = new + np.roll(new, 1, axis=0)
        sizes += squares(apart, rounded(step.type.name, apart, columns))
    size, change, *_ = sums[step.type.name]
    return Folded(
        step.name,
        step.type.name,
        step.weights,
        rows,
        math.sqrt(change / size) if size else 0.0,
        math.sqrt(sizes[1] / sizes[0]) if sizes[0] else 0.0,
        cosine(sums[step.type.name]),
        {name: found for name in types[1:] if (found := cosine(sums[name])) is not None},
    )


def measured_pieces(tensor: Tensor) -> Iterator[tuple[int, int]]:
    """(first row, rows) of what is measured: of experts, rows of those that change."""
    changed = ranges_of(tensor)
    if len(changed) == 1:
        yield from ((changed[0].start + first, count) for first, count in pieces(len(changed[0])))
        return
    for piece in range(min(PIECES, len(changed))):
        rows = changed[piece * (len(changed) - 1) // max(1, min(PIECES, len(changed)) - 1)]
        count = min(TOGETHER, len(rows))
        yield rows.start + (len(rows) - count) // 2, count


def pieces(rows: int) -> Iterator[tuple[int, int]]:
    """(first row, rows) of what is measured."""
    if rows <= PIECES * TOGETHER:
        yield from ((at, min(TOGETHER, rows - at)) for at in range(0, rows, TOGETHER))
        return
    for piece in range(PIECES):
        yield (rows - TOGETHER) * piece // (PIECES - 1), TOGETHER


def larger_types(step: Step) -> list[str]:
    """Types of more bits than the output's that its rows fit and that can be written here."""
    own = bits(step.type.name)
    found = (fitting(name, step.sources[0].row_length) for name in LARGER)
    return [n for n in dict.fromkeys(found) if bits(n) > own and obstacle(n) is None]


def bits(name: str) -> float:
    """Bytes of a weight."""
    return BY_NAME[name].nbytes / BY_NAME[name].block


def rounded(name: str, rows: F32, columns: F32 | None) -> F32:
    """The rows as a type holds them."""
    packed = np.empty((len(rows), BY_NAME[name].row_bytes(rows.shape[1])), np.uint8)
    back = np.empty(rows.shape, np.float32)
    encode_rows(name, rows, packed, columns)
    decode_rows(name, packed, back)
    return back


def products(plain: F32, new: F32, held: F32) -> F64:
    """f64[4]: W.W, d.d, d.h and h.h, with d the change and h what is written of it."""
    w, r, q = (x.astype(np.float64) for x in (plain, new, held))
    d, h = r - w, q - w
    return np.array([(a * b).sum() for a, b in ((w, w), (d, d), (d, h), (h, h))])


def squares(rows: F32, held: F32) -> F64:
    """f64[2]: the squares of rows, and of what rounding makes of them."""
    x, q = rows.astype(np.float64), held.astype(np.float64)
    return np.array([(x * x).sum(), ((q - x) ** 2).sum()])


def cosine(sums: F64) -> float | None:
    """The cosine of the change and the written change; 0 if nothing is, None without a change."""
    _, change, product, written = sums
    if not change:
        return None
    return float(product / math.sqrt(change * written)) if written else 0.0


TITLES = ("tensor", "type", ">change", ">rounding", ">change/rounding", ">held")


def cells(found: Folded) -> tuple[str, ...]:
    """One row of the table."""
    ratio = found.change / found.rounding if found.rounding else math.inf
    figures = (found.change, found.rounding, ratio, found.held)
    return (found.name, found.type, *(figure(value) for value in figures))


def mean_held(every: Sequence[Folded]) -> float:
    """The mean of `held` over all weights."""
    own = [f for f in every if f.held is not None]
    return sum((f.held or 0.0) * f.weights for f in own) / max(1, sum(f.weights for f in own))


def summary(every: Sequence[Folded]) -> list[str]:
    """The figures in words, for the user."""
    own = [f for f in every if f.held is not None]
    if not own:
        return ["The adapter changes nothing in this model: the output is the model as it is."]
    held, rows = mean_held(own), sum(f.rows for f in own)
    lost = [f for f in own if (f.held or 0.0) < TOO_COARSE]
    said = (
        f"{len(own)} tensors change; measured on {rows:,} of their rows, what is written has a "
        f"cosine of {held:.2f} with the adapter's change"
    )
    if held < TOO_COARSE:
        return [f"The adapter is lost in the rounding: {said}. {remedy(own)}"]
    if held < SOFT:
        return [f"Part of the adapter is lost in the rounding: {said}. {remedy(own)}"]
    lines = [f"The adapter is kept: {said}."]
    if lost:
        names = ", ".join(f.name for f in lost[:3]) + (", ..." if lost[3:] else "")
        lines.append(f"In {len(lost)} tensors most of it is rounded away: {names}.")
    return lines


def remedy(every: Sequence[Folded]) -> str:
    """The smallest type that would hold the change, by the same rows."""
    names = dict.fromkeys(name for f in every for name in f.larger)
    for name in sorted(names, key=bits):
        held = mean_held([replace(f, held=f.larger.get(name, f.held)) for f in every])
        if held >= SOFT:
            return f"The output type {name} would hold it (cosine {held:.2f})."
    return "No larger type holds it either: run the model with the adapter beside it."
