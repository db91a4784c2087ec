"""Extracts an adapter: what a fine-tune changed in its base, as thin matrices, tensor by tensor.

With D the difference of a matrix, V the leading right singular vectors of D (found by passes over
its rows, see methods/subspace) and s their singular values:

    A = sqrt(s) V        B = D V^T / sqrt(s)        B A is the best of its rank
    share = |B A|^2 / |D|^2, the part of the change's energy that the rank holds

Or, as a control for a merge, a random change of the same size: A and B are normal numbers drawn by
the seed and the tensor's name, scaled so that |B A| = |D|.
"""

import hashlib
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from edgemed_native import low_rank_kernels as kernels
from edgemed_native.delta_kernels import subtract_base
from edgemed_native.sum_kernels import add_squares

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.laying import EMBEDDING, HEAD
from edgemed.adapters.naming import Parent
from edgemed.errors import Refused, UsageError
from edgemed.gguf import Model
from edgemed.merging.methods.stream import F64, NotFinite, Stream
from edgemed.merging.methods.subspace import leading_row_space
from edgemed.merging.parents.opening import open_parent
from edgemed.merging.plan.plan import Plan, Target, decide
from edgemed.merging.plan.steps import Step
from edgemed.merging.recipe.recipe import weighted
from edgemed.merging.report.survey import Nowhere
from edgemed.merging.run.chunk import Blender
from edgemed.merging.run.progress import Meter
from edgemed.merging.run.run import compile_kernels, open_files, source_paths

MOST = 128
"""The largest rank that is tried where none is given."""

VECTORS_STAY = "leave out the change of norms and biases"


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """A rank for all matrices, or (None) for each the smallest that holds the share `keep`.

    `control`: the seed of a random change of equal norm, instead of the change itself.
    """

    rank: int | None
    keep: float = 0.95
    without_vectors: bool = False
    control: int | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """One tensor: `change` is |D| / |W|; the rank, and the share of the change that it holds."""

    name: str
    rows: int
    length: int
    change: float
    rank: int
    share: float


OnProgress = Callable[[int, int], None]
"""Called with how many tensors are done, and how many there are."""


def plan_extract(tuned: Parent, base: Parent, out: Path, threads: int) -> Plan:
    """Plan the tensors of both models, the base first; refused where their merge would be."""
    if tuned == base:
        raise UsageError(
            "the tuned model and the base are the same file", "name the tuned model and its base"
        )
    recipe = replace(weighted([tuned], "task_arithmetic", base, [1.0], {}), tokenizer="base")
    return decide(recipe, Target(out, threads))


def extract(
    plan: Plan,
    base: Parent,
    settings: ExtractSettings,
    on_progress: OnProgress = lambda done, of: None,
) -> tuple[Adapter, list[Extracted]]:
    """The adapter, and its share of the change of every tensor that differs."""
    model = open_parent(base)
    matrices = [step for step in plan.steps if step.name in pairable(plan)]
    compile_kernels(plan, Meter(plan.weights, None))
    found: dict[str, tuple[Pair, Extracted] | None] = {}
    lock = threading.Lock()
    with ExitStack() as stack:
        files = open_files(source_paths(plan), stack)
        refuse_vectors(plan, files, settings)

        def one(step: Step) -> None:
            blender = Blender(files, Nowhere(), plan.buffers, plan.recipe.seed)
            pair = pair_of(blender.stream(step), settings)
            with lock:
                found[step.name] = pair
                on_progress(len(found), len(matrices))

        with ThreadPoolExecutor(plan.buffers.threads, "extract") as pool:
            list(pool.map(one, matrices))
    pairs = {s.name: pair for s in matrices if (pair := found[s.name]) is not None}
    if not pairs:
        raise Refused("every matrix is the same in both models", "name a tuned model and its base")
    tied = HEAD not in {step.name for step in plan.steps}
    return adapter_of(model, {name: pair for name, (pair, _) in pairs.items()}, tied), [
        told for _, told in pairs.values()
    ]


def adapter_of(model: Model, pairs: dict[str, Pair], tied: bool) -> Adapter:
    """The adapter; a head that is the embedding (`tied`) changes with the embedding."""
    if EMBEDDING in pairs and tied:
        pairs = {**pairs, HEAD: pairs[EMBEDDING]}
    return Adapter(str(model.metadata.get("general.architecture", "")), pairs)


def pairable(plan: Plan) -> set[str]:
    """Names of the matrices; tensors of several experts are refused."""
    wide = [s.name for s in plan.steps if len(s.sources[0].shape) > 2]
    if wide:
        raise Refused(
            f"{wide[0]} holds experts side by side, which cannot be extracted",
            "extract an adapter from models without experts",
        )
    return {s.name for s in plan.steps if len(s.sources[0].shape) == 2}


def refuse_vectors(plan: Plan, files: dict[Path, int], settings: ExtractSettings) -> None:
    """Refused if a norm or bias differs: a low-rank pair cannot hold that."""
    blender = Blender(files, Nowhere(), plan.buffers, plan.recipe.seed)
    for step in (s for s in plan.steps if len(s.sources[0].shape) < 2):
        for _, x in blender.stream(step).chunks():
            if len(x) > 1 and not np.array_equal(x[0], x[1]) and not settings.without_vectors:
                raise Refused(
                    f"{step.name} differs between the models and is not a matrix", VECTORS_STAY
                )


def pair_of(stream: Stream, settings: ExtractSettings) -> tuple[Pair, Extracted] | None:
    """The thin matrices of one tensor's change; None where it does not change."""
    most = min(settings.rank or MOST, stream.rows, stream.length)
    size, change = sizes(stream)
    if not change:
        return None
    if settings.control is not None:
        pair = by_chance(stream, most, change, settings.control)
        moved = float(np.sqrt(change / size))
        return pair, Extracted(stream.name, stream.rows, stream.length, moved, most, 0.0)
    basis = np.ascontiguousarray(leading_row_space(stream, most)[:most].astype(np.float64))
    left = products(stream, basis)
    energy = (left * left).sum(axis=0)
    rank = most if settings.rank else enough(energy, change, settings.keep)
    rank = max(1, min(rank, int((energy > 0).sum())))
    roots = np.sqrt(np.sqrt(energy[:rank]))
    a = (basis[:rank] * roots[:, None]).astype(np.float32)
    b = (left[:, :rank] / roots).astype(np.float32)
    share = min(1.0, float(energy[:rank].sum() / change))
    told = Extracted(
        stream.name, stream.rows, stream.length, float(np.sqrt(change / size)), rank, share
    )
    return Pair(np.ascontiguousarray(a), np.ascontiguousarray(b), 1.0), told


def by_chance(stream: Stream, rank: int, change: float, seed: int) -> Pair:
    """Normal numbers with |B A|^2 = `change`; |B A|^2 is the sum of (B^T B) * (A A^T)."""
    name = hashlib.sha256(f"{seed}:{stream.name}".encode()).digest()
    rng = np.random.default_rng(list(name))
    a = rng.standard_normal((rank, stream.length))
    b = rng.standard_normal((stream.rows, rank))
    root = math.sqrt(math.sqrt(change / float(((b.T @ b) * (a @ a.T)).sum())))
    return Pair((a * root).astype(np.float32), (b * root).astype(np.float32), 1.0)


def enough(energy: F64, change: float, keep: float) -> int:
    """The smallest rank that holds the share; all of them if none does."""
    shares = np.cumsum(energy) / change
    holding = np.flatnonzero(shares >= keep)
    return int(holding[0]) + 1 if holding.size else len(energy)


def sizes(stream: Stream) -> tuple[float, float]:
    """|W|^2 of the base and |D|^2."""
    base, change = np.zeros(1), np.zeros(1)
    for _, x in stream.chunks():
        flat = x.reshape(len(x), -1)
        add_squares(x[:1], base)
        subtract_base(flat)
        add_squares(x[1:], change)
    if not math.isfinite(base[0] + change[0]):
        raise NotFinite(stream.name, "the tuned model or its base")
    return max(float(base[0]), 1e-300), float(change[0])


def products(stream: Stream, basis: F64) -> F64:
    """D V^T, f64[rows, rank]."""
    out = np.empty((stream.rows, len(basis)))
    for first, x in stream.chunks():
        subtract_base(x.reshape(len(x), -1))
        kernels.times_transposed(x[1], basis, out[first : first + x.shape[1]])
    return out


TITLES = ("tensor", ">shape", ">change", ">rank", ">share held")


def cells(told: Extracted) -> tuple[str, ...]:
    """One row of the table."""
    shape = f"{told.length} x {told.rows}"
    return (told.name, shape, f"{told.change:.4f}", str(told.rank), f"{told.share:.4f}")


def summary(every: Sequence[Extracted]) -> str:
    """A one-line summary: the share of the change that the adapter holds."""
    weights = sum(t.rank * (t.rows + t.length) for t in every)
    if not any(t.share for t in every):
        return (
            f"{len(every)} matrices differ; the adapter has {weights:,} random weights, of the "
            "same norm in every matrix"
        )
    least = min(every, key=lambda t: t.share)
    return (
        f"{len(every)} matrices differ; the adapter has {weights:,} weights, and holds "
        f"{least.share:.1%} of the change at least ({least.name})"
    )
