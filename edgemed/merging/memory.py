"""How many weights are in flight at once: memory under a cap whatever the model's size.

A worker thread holds one chunk of whole rows: the packed bytes of each source, one float32 row
buffer for each, and the packed result. Nothing else grows with the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edgemed_native.ggml_types import GGMLType

from edgemed.errors import Refused
from edgemed.gguf import Tensor

CHUNK_WEIGHTS = 128 * 1024
"""Small enough that two float32 buffers stay in a core's L2 cache, large enough to hide Python."""

F32_BYTES = 4

Work = tuple[tuple[Tensor, ...], GGMLType]


@dataclass(frozen=True, slots=True)
class Buffers:
    """`chunk` weights at a time in each of `threads`; `nbytes` is all of their buffers together."""

    threads: int
    chunk: int
    nbytes: int


def plan_buffers(work: Sequence[Work], threads: int, max_ram: int | None) -> Buffers:
    """Chunk size and threads within `max_ram` bytes; fewer threads before a refusal.

    A chunk is at least one row of every tensor: rows are never cut.
    """
    longest = max((sources[0].row_length for sources, _ in work), default=1)
    per_weight = max((bytes_per_weight(*w) for w in work), default=0.0)
    cap = float("inf") if max_ram is None else max_ram
    for used in range(threads, 0, -1):
        chunk = int(min(max(CHUNK_WEIGHTS, longest), cap / used // max(per_weight, 1e-9)))
        if chunk >= longest:
            return Buffers(used, chunk, int(used * chunk * per_weight))
    raise Refused(
        f"--max-ram {max_ram:,} is less than one row of the widest tensor takes",
        f"allow at least {int(longest * per_weight) + 1:,} bytes",
    )


def bytes_per_weight(sources: Sequence[Tensor], out: GGMLType) -> float:
    """Packed and float32 bytes in flight for each weight of a chunk."""
    packed = sum(t.type.nbytes / t.type.block for t in sources) + out.nbytes / out.block
    return packed + F32_BYTES * len(sources)


def rows_at_once(tensor: Tensor, chunk: int) -> int:
    """Whole rows of `tensor` in a chunk of `chunk` weights, at least one."""
    return max(1, min(tensor.rows, chunk // tensor.row_length))
