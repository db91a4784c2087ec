"""How many weights are in flight at once: memory under a cap whatever the model's size.

A worker thread holds one chunk of whole rows: the packed bytes of each source, one float32 row
buffer for each, and the packed result; and what its method keeps of a tensor (`Work.state`).
Nothing else grows with the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgemed_native.ggml_types import GGMLType

from edgemed.adapters import change
from edgemed.errors import Refused
from edgemed.gguf import Tensor
from edgemed.gguf.reading import bytes_beside
from edgemed.merging.parents import token_rows

WEIGHTS_AT_ONCE = 1024 * 1024
"""Weights of all sources in flight in a thread, 10 MiB with their packed bytes: twice to four times
as many as stay in a core's L2 cache, because what a chunk costs in Python weighs more than that."""

F32_BYTES = 4


class Work(NamedTuple):
    """The sources and the output type of a tensor, and bytes that its method keeps meanwhile."""

    sources: tuple[Tensor, ...]
    type: GGMLType
    state: int


@dataclass(frozen=True, slots=True)
class Buffers:
    """`chunk` weights of up to `sources` sources in each of `threads`; `nbytes` is all of it."""

    threads: int
    chunk: int
    sources: int
    nbytes: int


def plan_buffers(work: Sequence[Work], threads: int, max_ram: int | None, held: int = 0) -> Buffers:
    """Chunk size and threads within `max_ram` bytes; fewer threads before a refusal.

    A chunk is at least one row of every tensor: rows are never cut. `held` bytes are taken already,
    whatever the number of threads.
    """
    longest = max((w.sources[0].row_length for w in work), default=1)
    sources = max((len(w.sources) for w in work), default=1)
    per_weight = max((bytes_per_weight(w) for w in work), default=0.0)
    state = max((w.state for w in work), default=0)
    cap = float("inf") if max_ram is None else max_ram - held
    usual = max(WEIGHTS_AT_ONCE // max(2, sources), longest)
    for used in range(threads, 0, -1):
        chunk = int(min(usual, (cap / used - state) // max(per_weight, 1e-9)))
        if chunk >= longest:
            return Buffers(used, chunk, sources, int(used * (chunk * per_weight + state)) + held)
    raise Refused(
        f"one row of the widest tensor takes more than {max_ram:,} bytes of memory",
        f"allow at least {int(longest * per_weight + state) + held + 1:,} bytes of memory",
    )


def bytes_per_weight(work: Work) -> float:
    """Packed and float32 bytes in flight for each weight of a chunk."""
    types = [*(tensor.type for tensor in work.sources), work.type]
    adapters = change.bytes_per_weight(map(token_rows.stored, work.sources))
    packed = sum(type.nbytes / type.block for type in types)
    packed += sum(t.type.nbytes / t.type.block * beside(t) for t in work.sources)
    return packed + F32_BYTES * len(work.sources) + adapters


def beside(tensor: Tensor) -> int:
    """How many times its packed rows are held beside a chunk."""
    return bytes_beside(token_rows.stored(tensor))


def rows_at_once(tensor: Tensor, chunk: int) -> int:
    """Whole rows of `tensor` in a chunk of `chunk` weights, at least one."""
    return max(1, min(tensor.rows, chunk // tensor.row_length))
