"""Estimates how long a plan will take, from rates measured briefly on this machine.

Decoding, encoding and hashing are timed on numbers of a normal distribution; reading and writing
are not (a slow disk takes longer), nor a method's arithmetic, which is small compared with
encoding.
"""

import hashlib
import time
from collections.abc import Callable
from functools import cache

import numpy as np
from edgemed_native.codecs import decode_rows, encode_rows
from edgemed_native.ggml_types import BY_NAME

from edgemed.merging.methods.table import METHODS
from edgemed.merging.plan.memory import rows_at_once
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.steps import Step
from edgemed.merging.run.jobs import by_matrix

ROWS, LENGTH = 128, 1024
WEIGHTS = ROWS * LENGTH
REPEATS = 3


def seconds(plan: Plan) -> float:
    """Seconds of work on the plan's threads; the kernels must be compiled."""
    hashing = hash_seconds() * sum(input.size for input in plan.inputs)
    return (sum(map(step_seconds, plan.steps)) + hashing) / plan.buffers.threads


def step_seconds(step: Step) -> float:
    """Seconds of one thread for one tensor; copies cost next to nothing."""
    if step.action == "copy":
        return 0.0
    passes = 1 + (METHODS[step.method].passes if step.action == "blend" else 0)
    decoding = sum(decode_seconds(tensor.type.name) for tensor in step.sources)
    encoding = encode_seconds(step.type.name, step.importances is not None)
    return step.weights * (passes * decoding + encoding)


def chunks(plan: Plan, step: Step) -> int:
    """How many chunks a tensor is written in."""
    at_once = rows_at_once(step.sources[0], plan.buffers.chunk)
    runs = by_matrix([(0, step.sources[0].rows)], step)
    return sum(-(-rows // at_once) for _, rows in runs)


@cache
def encode_seconds(name: str, weighed: bool) -> float:
    """Seconds a weight, with importances of columns or without."""
    rows, packed = buffers(name)
    columns = np.linspace(0.5, 2.0, LENGTH, dtype=np.float32) if weighed else None
    return shortest(lambda: encode_rows(name, rows, packed, columns)) / WEIGHTS


@cache
def decode_seconds(name: str) -> float:
    """Seconds a weight."""
    rows, packed = buffers(name)
    return shortest(lambda: decode_rows(name, packed, rows)) / WEIGHTS


@cache
def hash_seconds() -> float:
    """Seconds a byte of sha256."""
    data = bytes(1 << 22)
    return shortest(lambda: hashlib.sha256(data)) / len(data)


def buffers(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of normal numbers, and room for them packed (zero bytes are valid blocks)."""
    rows = np.random.default_rng(0).standard_normal((ROWS, LENGTH)).astype(np.float32)
    return rows, np.zeros((ROWS, BY_NAME[name].row_bytes(LENGTH)), np.uint8)


def shortest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs."""
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)
