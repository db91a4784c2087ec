"""Carry out a plan: chunks of rows, bytes -> float32 -> bytes, on threads.

Every chunk has its place before the work starts, so the bytes written do not depend on threads or
on the size of chunks. The outputs appear under their names only when all of them are complete.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from edgemed_native import mix
from edgemed_native.codecs import decode_rows, encode_rows, warm_up
from edgemed_native.finite import first_not_finite
from numpy.typing import NDArray

from edgemed.errors import EdgemedError
from edgemed.gguf import Tensor
from edgemed.local_models.load_check import Opener, opener
from edgemed.quantizing.imatrix import of_row
from edgemed.quantizing.plan import Plan, Step
from edgemed.storage import positional
from edgemed.storage.output import Output, part_of

CHUNK = 128 * 1024
"""Weights at once: source, float32 and result stay in a core's L2 cache."""

ROWS_TOGETHER = 16
"""Encoders search this many rows side by side when rows share importances."""

HALF_MAX = 65504.0
"""Largest half. Block scales are halves: above it a result may not survive being written."""

Report = Callable[[int, int], None]
"""Called with the weights written so far, and all of them."""


class Chunk(NamedTuple):
    step: Step
    first: int
    rows: int


class Result(NamedTuple):
    """Seconds from the first read to the last write, and to sync the outputs."""

    seconds: float
    sync_seconds: float


def quantize(
    plan: Plan,
    threads: int,
    compiling: Callable[[str], None],
    report: Report,
    load_check: bool = True,
) -> Result:
    """Write the planned files. On any error or interrupt nothing stands under their names.

    With `load_check`, llama.cpp opens the finished file before it gets its name, and the header
    before long work.
    """
    with opener(load_check) as llama:
        return _quantize(plan, threads, compiling, report, llama)


def _quantize(
    plan: Plan, threads: int, compiling: Callable[[str], None], report: Report, llama: Opener
) -> Result:
    changed = [step for step in plan.steps if not step.copied]
    decoded = sorted({step.source.type.name for step in changed})
    encoded = sorted({step.type.name for step in changed if step.importances is None})
    weighted = sorted({step.type.name for step in changed if step.importances is not None})
    warm_up(decoded, encoded, compiling, weighted)
    start_time = time.perf_counter()
    with ExitStack() as stack:
        sources = {p: _open(p, stack) for p in dict.fromkeys(s.source.path for s in plan.steps)}
        files = [(path, layout.total_bytes) for path, layout in plan.files]
        output = stack.enter_context(Output(files, replace=plan.replace))
        for start, file in zip(plan.starts, plan.files, strict=True):
            output.write(start, file.layout.header)
        unfinished, name = [part_of(path) for path, _ in plan.files], plan.files[0].path.name
        llama.refuse_early(unfinished, name, plan.weights)
        _run_chunks(plan, sources, output, threads, report)
        seconds = time.perf_counter() - start_time
        output.sync()
        llama.refuse_unloadable(unfinished, name)
        output.finish()
    return Result(seconds, output.sync_seconds)


def chunks_of(plan: Plan) -> Iterator[Chunk]:
    """Whole rows of one matrix each: experts have importances of their own."""
    for step in plan.steps:
        matrix = step.source.shape[1] if len(step.source.shape) > 1 else step.source.rows
        least = 1 if step.importances is None else ROWS_TOGETHER
        at_once = min(matrix, max(least, CHUNK // step.source.row_length // least * least))
        for start in range(0, step.source.rows, matrix):
            for first in range(start, start + matrix, at_once):
                yield Chunk(step, first, min(at_once, start + matrix - first))


def _run_chunks(
    plan: Plan, sources: dict[Path, int], output: Output, threads: int, report: Report
) -> None:
    """All chunks on `threads` threads; the first failure stops the others and is raised."""
    chunks, lock, stop = chunks_of(plan), threading.Lock(), threading.Event()
    done = 0

    def worker() -> None:
        nonlocal done
        try:
            while not stop.is_set():
                with lock:
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                step = chunk.step
                result = converted(chunk, read_rows(chunk, sources[step.source.path]))
                output.write(step.offset + chunk.first * result.shape[1], result)
                with lock:
                    done += chunk.rows * step.source.row_length
                    report(done, plan.weights)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(threads, "quantize") as pool:
        try:
            futures = [pool.submit(worker) for _ in range(threads)]
            for future in futures:
                future.result()
        finally:
            stop.set()


def read_rows(chunk: Chunk, file: int) -> NDArray[np.uint8]:
    """The packed rows of a chunk."""
    tensor = chunk.step.source
    packed = np.empty((chunk.rows, tensor.row_bytes), np.uint8)
    try:
        positional.read_into(file, packed, tensor.offset + chunk.first * tensor.row_bytes)
    except (OSError, EOFError) as error:
        raise EdgemedError(
            f"reading {tensor.name} from {tensor.path} failed: {error}",
            "the file changed or its disk is failing; copy it again and check its checksum",
        ) from error
    return packed


def converted(chunk: Chunk, packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The rows in their new type; EdgemedError if they hold, or would hold, no finite numbers."""
    step, tensor = chunk.step, chunk.step.source
    if step.copied:
        bad = first_not_finite(tensor.type.name, packed)
        if bad is not None:
            raise not_finite(tensor, f"row {chunk.first + bad}")
        return packed
    x = np.empty((chunk.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed, x)
    peak = mix.peak(x)
    if not np.isfinite(peak):
        raise not_finite(tensor, f"rows {chunk.first} to {chunk.first + chunk.rows - 1}")
    result = np.empty((chunk.rows, step.type.row_bytes(tensor.row_length)), np.uint8)
    encode_rows(step.type.name, x, result, of_row(step.importances, tensor, chunk.first))
    if peak > HALF_MAX:
        refuse_overflow(step, result, x)
    return result


def not_finite(tensor: Tensor, rows: str) -> EdgemedError:
    """The error about what cannot be weights."""
    return EdgemedError(
        f"{tensor.name}: NaN or infinity in {rows} of {tensor.path.name}",
        "such a file is damaged; download it again and compare its checksum",
    )


def refuse_overflow(step: Step, packed: NDArray[np.uint8], x: NDArray[np.float32]) -> None:
    """Raise if what was written does not read back as finite numbers."""
    decode_rows(step.type.name, packed, x)
    if not np.isfinite(mix.peak(x)):
        raise EdgemedError(
            f"{step.source.name}: a weight is too large for {step.type.name}",
            "its scales are half-precision numbers; keep this tensor with --pattern NAME=F32",
        )


def _open(path: Path, stack: ExitStack) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | positional.O_BINARY)
    except OSError as error:
        raise EdgemedError(f"cannot read {path}: {error.strerror}", "check the file") from error
    stack.callback(os.close, fd)
    return fd
