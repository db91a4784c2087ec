"""Runs a plan: chunk by chunk, bytes -> float32 -> mixed -> bytes, on threads.

Every chunk has its place in the output before the work starts, so chunks may finish in any order;
rows that are the same bytes in both sources are copied. The bytes written do
not depend on the number of threads or the size of the chunks.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from edgemed_native._jit import DIGEST as SOURCES_DIGEST
from edgemed_native.codecs import warm_up

from edgemed import __version__
from edgemed.errors import EdgemedError
from edgemed.local_models.load_check import opener
from edgemed.merging.methods.stream import F32, Stream
from edgemed.merging.methods.table import METHODS
from edgemed.merging.parents import token_rows
from edgemed.merging.plan import provenance
from edgemed.merging.plan.fingerprints import Fingerprints, hashes_of, refuse_changed
from edgemed.merging.plan.placement import changes
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.provenance import signed
from edgemed.merging.plan.steps import Step
from edgemed.merging.run.chunk import Blender, Chunk, Sink
from edgemed.merging.run.headers import refuse_other_headers
from edgemed.merging.run.jobs import Jobs, Rows
from edgemed.merging.run.journal import Identity, Journal, WrittenPiece, WrittenPieces
from edgemed.merging.run.progress import Meter, OnProgress
from edgemed.storage import positional
from edgemed.storage.output import Output, journal_of, part_of


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merge did: seconds to the last write, seconds to sync, rows kept as they were, and
    what the method found out about each tensor on the way."""

    out: Path
    weights: int
    nbytes: int
    seconds: float
    sync_seconds: float
    rows_kept: int
    facts: Mapping[str, Mapping[str, float]]


def run_plan(
    plan: Plan, on_progress: OnProgress | None = None, resume: bool = False, load_check: bool = True
) -> MergeResult:
    """Write the planned file. After any error or interrupt there is no file under the final name.

    With `resume`, what an earlier attempt wrote is kept, and kept again if this one stops early;
    for that every byte of the inputs is read before the first is merged, at each attempt. Refused
    if an earlier attempt had another recipe, or inputs with any other byte. With
    `load_check`, llama.cpp opens the file before it gets its name: what it refuses is removed. Of
    long work it opens the header before, and then only the same header gets the name.
    """
    meter = Meter(plan.weights, on_progress)
    contents = partial(hashes_of, plan.inputs, meter.reading) if resume else None
    with ExitStack() as stack:
        llama = stack.enter_context(opener(load_check))
        compile_kernels(plan, meter)
        files = open_files(source_paths(plan), stack)
        shards = plan.placement.shards
        parts = [(shard.path, shard.layout.total_bytes) for shard in shards]
        journal = stack.enter_context(Journal(journal_of(plan.out), identity(plan), contents))
        output = stack.enter_context(Output(parts, keep=resume, replace=plan.replace))
        done = journal.of(output)
        for shard in shards:
            output.write(shard.start, shard.layout.header)
        unfinished = [part_of(shard.path) for shard in shards]
        opened = llama.refuse_early(unfinished, plan.out.name, plan.weights)
        start = time.perf_counter()
        hashes, kept = run_hashed(plan, files, journal, meter, done)
        refuse_changed(plan.inputs)
        signature = signed(plan.placement.metadata, hashes)
        for offset, value in changes(plan.placement, signature):
            output.write(offset, value)
        seconds = time.perf_counter() - start
        if opened:
            refuse = partial(refuse_other_headers, plan.placement, signature)
        else:
            refuse = partial(llama.refuse_unloadable, unfinished, plan.out.name)
        finish(output, journal, refuse)
    meter.finish()
    return MergeResult(
        shards[0].path,
        plan.weights,
        plan.placement.total_bytes,
        seconds,
        output.sync_seconds,
        kept,
        meter.facts,
    )


def finish(output: Output, journal: Journal, refuse: Callable[[], None]) -> None:
    """Give the written file its name, unless `refuse` raises: then nothing of it stays."""
    output.sync()
    try:
        refuse()
    except EdgemedError:
        output.discard()
        journal.remove()
        raise
    output.finish()
    journal.remove()


def run_hashed(
    plan: Plan,
    files: dict[Path, int],
    journal: Journal,
    meter: "Meter",
    done: Sequence[WrittenPiece],
) -> tuple[list[str], int]:
    """All steps; the hash of every input, taken meanwhile unless it is known, and rows kept."""
    if journal.hashes:
        return journal.hashes, run_steps(plan, files, journal, meter, done)
    with Fingerprints(plan.inputs, meter.share) as hashing:
        kept = run_steps(plan, files, journal, meter, done)
        return hashing.hashes(), kept


def identity(plan: Plan) -> Identity:
    """What two attempts must have in common for one to continue the other."""
    headers = b"".join(shard.layout.header for shard in plan.placement.shards)
    return {
        "recipe": provenance.recipe_text(plan.recipe),
        "inputs": [[str(i.path.name), i.size] for i in plan.inputs],
        "importance matrices": list(plan.imatrix),
        "layout": hashlib.sha256(headers).hexdigest(),
        "code": f"{__version__} {SOURCES_DIGEST}",
    }


def compile_kernels(plan: Plan, meter: "Meter") -> None:
    """Load or compile the kernels this plan needs, and no others."""
    work = [step for step in plan.steps if step.action != "copy"]
    parts = (p for step in work for tensor in step.sources for p in token_rows.parts(tensor))
    decoded = sorted({tensor.type.name for tensor in parts})
    encoded = sorted({step.type.name for step in work if step.importances is None})
    weighted = sorted({step.type.name for step in work if step.importances is not None})
    warm_up(decoded, encoded, meter.compiling, weighted)
    for step in next(([s] for s in work if s.action == "blend"), []):
        try_method(step)


def try_method(step: Step) -> None:
    """Load or compile the kernels of the step's method by mixing two short rows of numbers."""
    sources, length = len(step.sources), 64
    shape = (sources, 2, length)

    def read(first: int, rows: int) -> F32:
        numbers = np.arange(1, 1 + sources * 2 * length, dtype=np.float32).reshape(shape)
        return np.sin(numbers)[:, first : first + rows].copy()

    stream = Stream("", "attn", sources, 2, length, step.based, False, 0, 2, read)
    mixed = METHODS[step.method].function(stream, **dict(step.parameters))
    mixed.blend(read(0, 2), 0)


def run_steps(
    plan: Plan,
    files: dict[Path, int],
    output: Sink,
    meter: "Meter",
    done: Sequence[WrittenPiece] = (),
) -> int:
    """All chunks of all steps on the plan's threads; returns how many rows were kept as is.

    Rows that `done` covers are not written again.
    """

    def blender() -> Blender:
        return Blender(files, output, plan.buffers, plan.recipe.seed)

    return work(plan, blender, meter, done)


def work(
    plan: Plan, blender: Callable[[], Blender], meter: "Meter", done: Sequence[WrittenPiece] = ()
) -> int:
    """Every chunk through a worker's own blender; the sum of what they return."""
    missing = missing_rows(plan, done)
    for step in plan.steps:
        there = step.sources[0].rows - sum(rows for _, rows in missing[step.name])
        meter.add(there * step.sources[0].row_length)
    jobs = Jobs(plan.steps, plan.buffers.chunk, missing)

    def worker() -> int:
        own, kept = blender(), 0
        for job in jobs:
            if isinstance(job, Chunk):
                kept += own.write(job)
                meter.add(job.rows * job.step.sources[0].row_length)
            else:
                mixed = own.prepare(job)
                if mixed is not None and mixed.facts:
                    meter.facts[job.name] = mixed.facts
                jobs.ready(job, mixed)
        return kept

    with ThreadPoolExecutor(plan.buffers.threads, "merge") as pool:
        try:
            futures = [pool.submit(worker) for _ in range(plan.buffers.threads)]
            return sum(results(futures, jobs))
        finally:
            jobs.stop()


def missing_rows(plan: Plan, done: Sequence[WrittenPiece]) -> dict[str, Rows]:
    """Of each step, the runs of rows that no piece of an earlier attempt covers."""
    pieces = WrittenPieces(done)
    return {
        step.name: pieces.missing_rows(step.offset, step.nbytes // rows, rows)
        for step in plan.steps
        for rows in [step.sources[0].rows]
    }


def results(futures: list[Future[int]], jobs: Jobs) -> list[int]:
    """Wait for all workers; the first failure stops the others and is raised."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    failed = [future for future in done if future.exception()]
    if failed:
        jobs.stop()
    return [future.result() for future in failed or futures]


def open_files(paths: Iterable[Path], stack: ExitStack) -> dict[Path, int]:
    """The files open for reading, until `stack` closes them."""
    return {path: _open(path, stack) for path in paths}


def source_paths(plan: Plan) -> list[Path]:
    sources = (tensor for step in plan.steps for tensor in step.sources)
    parts = (part for tensor in sources for part in token_rows.parts(tensor))
    return list(dict.fromkeys(path for part in parts for path in part.paths))


def _open(path: Path, stack: ExitStack) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | positional.O_BINARY)
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the file") from error
    stack.callback(os.close, fd)
    return fd
