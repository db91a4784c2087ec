"""What a merge does to each tensor, measured in one pass over parents and result.

Every chunk is mixed again in float32 and compared with the quantized result: read
from a finished file, or encoded on the spot where there is none. Only products are kept, in
float64 and added in the order of rows, so figures do not depend on threads.

With x0 the first parent (or the base), r the mix in float32 and q what the file holds of it:
    cosine    x0.x1 / |x0||x1|, the lowest of all pairs       delta   |x1 - x0| / |x0|, the largest
    rounding  |q - r| / |r|                                   asked   |r - x0| / |x0|
    held      cosine of (r - x0) and (q - x0)
    arc       |slerp - linear| / |linear| of two parents halfway, where it is largest
    estimate  of the models before they were rounded (see `calibration`)
"""

import math
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from edgemed_native.codecs import decode_rows
from edgemed_native.sum_kernels import add_gram
from numpy.typing import NDArray

from edgemed.gguf import Model, Tensor, open_model
from edgemed.gguf.tensor_names import block_of, group_of
from edgemed.merging.methods.spheres import great_circle
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.steps import Step
from edgemed.merging.report.calibration import Estimate, estimate
from edgemed.merging.run.chunk import F32, U8, Blender, Chunk, read_rows
from edgemed.merging.run.progress import Meter, OnProgress
from edgemed.merging.run.run import compile_kernels, open_files, source_paths, work

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TensorFigures:
    """One tensor's figures; None where they mean nothing (one parent alone, no change asked)."""

    name: str
    block: int | None
    group: str
    action: str
    types: tuple[str, ...]
    type: str
    weights: int
    cosine: float | None
    delta: float | None
    rounding: float
    asked: float
    held: float | None
    arc: float | None
    estimate: Estimate | None


def survey(
    plan: Plan, finished: bool, on_progress: OnProgress | None = None
) -> list[TensorFigures]:
    """Measure every tensor of a plan: against its finished output, or encoding on the spot."""
    meter = Meter(plan.weights, on_progress)
    compile_kernels(plan, meter)
    grams = Grams()
    rows = max(step.sources[0].row_length for step in plan.steps)
    plan = replace(plan, buffers=replace(plan.buffers, chunk=max(rows, plan.buffers.chunk // 3)))
    with ExitStack() as stack:
        files = open_files(source_paths(plan), stack)
        result = open_model(plan.placement.shards[0].path) if finished else None
        if result is not None:
            files |= open_files(result.paths, stack)
        work(plan, lambda: Surveyor(files, plan, grams, result), meter)
    meter.finish()
    return [measure(step, grams.total(step.name)) for step in plan.steps]


class Grams:
    """The products of every chunk, from several threads; `total` adds them in the order of rows."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[int, F64]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, first: int, gram: F64) -> None:
        with self._lock:
            self._parts.setdefault(name, {})[first] = gram

    def total(self, name: str) -> F64:
        parts = self._parts[name]
        return np.sum([parts[first] for first in sorted(parts)], axis=0)  # type: ignore[no-any-return]


class Nowhere:
    """In place of a blender's output: a survey writes nothing."""

    def write(self, offset: int, buffer: object) -> None:
        raise AssertionError("a survey writes nothing")


class Surveyor(Blender):
    """Handles every chunk as a merge does, but measures instead of writing."""

    def __init__(
        self, files: dict[Path, int], plan: Plan, grams: Grams, result: Model | None
    ) -> None:
        super().__init__(files, Nowhere(), plan.buffers, plan.recipe.seed)
        self._grams = grams
        self._tensors: Mapping[str, Tensor] = result.tensors if result else {}
        self._all = np.empty(plan.buffers.chunk * (plan.buffers.sources + 2), np.float32)

    def write(self, chunk: Chunk) -> int:
        """Add the chunk's products to the tensor's."""
        step, count = chunk.step, len(chunk.step.sources)
        packed = self._read(step, chunk.first, chunk.rows)
        x = self._decode(step, chunk.first, packed)
        shape = (count + 2, chunk.rows, x.shape[2])
        every = self._all[: math.prod(shape)].reshape(shape)
        every[:count] = x
        if chunk.mix is not None:
            chunk.mix.blend(x, chunk.first)
        every[count] = x[0]
        decode_rows(step.type.name, self._held(chunk, every[count], packed), every[count + 1])
        gram = np.zeros((count + 2, count + 2))
        add_gram(every, gram)
        self._grams.add(step.name, chunk.first, gram)
        return 0

    def _held(self, chunk: Chunk, rows: F32, packed: list[U8]) -> U8:
        """The packed rows of the result."""
        if not self._tensors:
            return packed[0] if chunk.mix is None else self._encode(chunk, rows)
        tensor = self._tensors[chunk.step.name]
        buffer = self._packed(-1, chunk.rows, tensor.row_bytes)
        read_rows(tensor, chunk.first, self._files, buffer)
        return buffer


def measure(step: Step, gram: F64) -> TensorFigures:
    """The figures of one tensor from the products of its sources, the mix and the result."""
    count = len(step.sources)
    alone = count == 1
    change, held_change = difference(gram, count, 0), difference(gram, count + 1, 0)
    asked = norm(change) / max(math.sqrt(gram[0, 0]), 1e-300)
    product = gram[count, count + 1] - gram[count, 0] - gram[0, count + 1] + gram[0, 0]
    changed = asked > 1e-7 and held_change > 0.0
    pairs = [(i, j) for i in range(count) for j in range(i)]
    return TensorFigures(
        name=step.name,
        block=block_of(step.name),
        group=group_of(step.name),
        action=step.action,
        types=tuple(tensor.type.name for tensor in step.sources),
        type=step.type.name,
        weights=step.weights,
        cosine=None if alone else min(cosine(gram, i, j) for i, j in pairs),
        delta=None if alone else max(relative(gram, i, 0) for i in range(1, count)),
        rounding=norm(difference(gram, count + 1, count))
        / max(math.sqrt(gram[count, count]), 1e-300),
        asked=asked,
        held=min(1.0, product / (norm(change) * norm(held_change))) if changed else None,
        arc=arc(gram) if count == 2 and not step.based else None,
        estimate=estimated(step, relative(gram, 1, 0)) if count == 2 else None,
    )


def estimated(step: Step, seen: float) -> Estimate | None:
    """What the parents' difference means, for matrices that differ."""
    if len(step.sources[0].shape) < 2 or seen == 0.0:
        return None
    ours, theirs = (tensor.type.name for tensor in step.sources)
    return estimate(seen, (ours, theirs), step.type.name)


def difference(gram: F64, i: int, j: int) -> float:
    """|xi - xj| squared."""
    return float(gram[i, i] - 2.0 * gram[i, j] + gram[j, j])


def norm(square: float) -> float:
    return math.sqrt(max(square, 0.0))


def cosine(gram: F64, i: int, j: int) -> float:
    """1 where one of the two is zero and has no direction."""
    norms = math.sqrt(gram[i, i] * gram[j, j])
    return float(gram[i, j]) / norms if norms > 0.0 else 1.0


def relative(gram: F64, i: int, j: int) -> float:
    """|xi - xj| / |xj|; 0 where both are zero."""
    return norm(difference(gram, i, j)) / max(math.sqrt(gram[j, j]), 1e-300)


def arc(gram: F64) -> float:
    """How far the great circle's middle is from the straight line's, relative to its length."""
    a, b = (factor - 0.5 for factor in great_circle(0.5, gram[:2, :2], None))
    gap = a * a * gram[0, 0] + 2.0 * a * b * gram[0, 1] + b * b * gram[1, 1]
    middle = 0.25 * (gram[0, 0] + 2.0 * gram[0, 1] + gram[1, 1])
    return norm(float(gap)) / max(math.sqrt(max(float(middle), 0.0)), 1e-300)
