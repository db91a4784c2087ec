"""Carry out a plan: chunk by chunk, bytes -> float32 -> mixed -> bytes, on threads.

Every chunk has its place in the output before the work starts, so chunks may finish in any order;
rows that are the same bytes in both sources are carried over as they are. The bytes written do
not depend on the number of threads or the size of the chunks.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edgemed_native.codecs import warm_up

from edgemed import positional
from edgemed.errors import EdgemedError
from edgemed.merging.chunk import Blender, Chunk
from edgemed.merging.jobs import Jobs
from edgemed.merging.method_table import METHODS
from edgemed.merging.plan import Plan, Step, plan_merge
from edgemed.merging.recipe import between
from edgemed.merging.stream import F32, Stream
from edgemed.output import Output

Report = Callable[["Progress"], None]
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a merge is: weights written of all weights, or a kernel being compiled, once."""

    done: int
    total: int
    compiling: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a merge did: seconds to the last write, seconds to sync, rows kept as they were."""

    out: Path
    weights: int
    nbytes: int
    seconds: float
    sync_seconds: float
    rows_kept: int


def merge(
    a: str | Path,
    b: str | Path,
    *,
    t: float,
    out: str | Path,
    method: str = "linear",
    threads: int | None = None,
    max_ram: int | None = None,
    replace: bool = False,
    report: Report | None = None,
) -> Result:
    """Merge two GGUF files into `out`: t = 0 is `a`, t = 1 is `b`; types as in `a`.

    `max_ram` caps the buffers, in bytes. Raises EdgemedError with what and remedy; the inputs are
    never touched and `out` appears only when complete.
    """
    recipe = between(a, b, float(t), method)
    plan = plan_merge(recipe, Path(out), threads or usable_cores(), max_ram, replace)
    return run_plan(plan, report)


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_plan(plan: Plan, report: Report | None = None) -> Result:
    """Write the planned file. On any error or interrupt nothing stands under the final name."""
    meter = Meter(plan.weights, report)
    compile_kernels(plan, meter)
    start = time.perf_counter()
    with ExitStack() as stack:
        files = {path: _open(path, stack) for path in _source_paths(plan)}
        output = stack.enter_context(Output(plan.out, plan.layout.total_bytes))
        output.write(0, plan.layout.header)
        kept = run_steps(plan, files, output, meter)
        seconds = time.perf_counter() - start
        output.finish()
    meter.finish()
    return Result(
        plan.out, plan.weights, plan.layout.total_bytes, seconds, output.sync_seconds, kept
    )


def compile_kernels(plan: Plan, meter: "Meter") -> None:
    """Load or compile the kernels this plan needs, and no others."""
    work = [step for step in plan.steps if step.action != "copy"]
    decoded = sorted({tensor.type.name for step in work for tensor in step.sources})
    encoded = sorted({step.type.name for step in work})
    warm_up(decoded, encoded, meter.compiling)
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


def run_steps(plan: Plan, files: dict[Path, int], output: Output, meter: "Meter") -> int:
    """All chunks of all steps on the plan's threads; returns how many rows were kept as is."""
    jobs = Jobs(plan.steps, plan.buffers.chunk)

    def worker() -> int:
        blender, kept = Blender(files, output, plan.buffers, plan.recipe.seed), 0
        for job in jobs:
            if isinstance(job, Chunk):
                kept += blender.write(job)
                meter.add(job.rows * job.step.sources[0].row_length)
            else:
                jobs.ready(job, blender.prepare(job))
        return kept

    with ThreadPoolExecutor(plan.buffers.threads, "merge") as pool:
        try:
            futures = [pool.submit(worker) for _ in range(plan.buffers.threads)]
            return sum(results(futures, jobs))
        finally:
            jobs.stop()


def results(futures: list[Future[int]], jobs: Jobs) -> list[int]:
    """Wait for all workers; the first failure stops the others and is raised."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    failed = [future for future in done if future.exception()]
    if failed:
        jobs.stop()
    return [future.result() for future in failed or futures]


class Meter:
    """Counts weights from all threads and reports at most ten times a second."""

    def __init__(self, total: int, report: Report | None) -> None:
        self._total, self._report = total, report
        self._done, self._next = 0, 0.0
        self._lock = threading.Lock()

    def add(self, weights: int) -> None:
        with self._lock:
            self._done += weights
            now = time.monotonic()
            if self._report is None or now < self._next:
                return
            self._next = now + REPORT_SECONDS
            self._report(Progress(self._done, self._total))

    def compiling(self, name: str) -> None:
        if self._report:
            self._report(Progress(0, self._total, compiling=name))

    def finish(self) -> None:
        if self._report:
            self._report(Progress(self._total, self._total))


def _source_paths(plan: Plan) -> list[Path]:
    return list(dict.fromkeys(tensor.path for step in plan.steps for tensor in step.sources))


def _open(path: Path, stack: ExitStack) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | positional.O_BINARY)
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the file") from error
    stack.callback(os.close, fd)
    return fd
