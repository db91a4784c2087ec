"""What the workers of a merge do next: write chunks of prepared tensors, or prepare a tensor.

A tensor is prepared by one worker (its method may pass over all rows first); its chunks are for
all. Tensors follow one another in file order, so that a tensor's bytes are still in the page cache
when its chunks are read, and what methods keep of a tensor is kept for few tensors at a time.
"""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from edgemed.merging.methods.experts import experts_of
from edgemed.merging.methods.stream import Mix
from edgemed.merging.plan.memory import rows_at_once
from edgemed.merging.plan.steps import Step
from edgemed.merging.run.chunk import Chunk

Rows = Sequence[tuple[int, int]]


class Jobs:
    """An iterator for several threads: a Step to prepare, or a Chunk to write."""

    def __init__(
        self, steps: Sequence[Step], chunk_weights: int, missing: Mapping[str, Rows]
    ) -> None:
        """`missing`: of each step, (first, rows) of every run of rows still to be written."""
        self._missing = missing
        self._steps = iter([step for step in steps if missing[step.name]])
        self._chunk_weights = chunk_weights
        self._chunks: deque[Chunk] = deque()
        self._preparing = 0
        self._stopped = False
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[Step | Chunk]:
        return self

    def __next__(self) -> Step | Chunk:
        with self._changed:
            while not self._stopped:
                if self._chunks:
                    return self._chunks.popleft()
                step = next(self._steps, None)
                if step is not None:
                    self._preparing += 1
                    return step
                if not self._preparing:
                    break
                self._changed.wait()
        raise StopIteration

    def ready(self, step: Step, mix: Mix | None) -> None:
        """Offer the chunks of `step`; `mix` says how its sources are mixed (None: copied)."""
        at_once = rows_at_once(step.sources[0], self._chunk_weights)
        with self._changed:
            self._preparing -= 1
            self._chunks.extend(
                Chunk(step, mix, at, min(at_once, first + rows - at))
                for first, rows in by_matrix(self._missing[step.name], step)
                for at in range(first, first + rows, at_once)
            )
            self._changed.notify_all()

    def stop(self) -> None:
        """No more jobs: each worker ends after its current one."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def by_matrix(runs: Rows, step: Step) -> Iterator[tuple[int, int]]:
    """Runs of rows cut where one of the tensor's matrices ends, if they are treated differently."""
    tensor = step.sources[0]
    apart = experts_of(tensor) > 1 or (step.importances is not None and len(step.importances) > 1)
    matrix = tensor.shape[1] if apart else tensor.rows
    for first, rows in runs:
        at, end = first, first + rows
        while at < end:
            border = min(end, (at // matrix + 1) * matrix)
            yield at, border - at
            at = border
