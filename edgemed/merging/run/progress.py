"""How far a merge is, reported at most ten times a second."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

OnProgress = Callable[["Progress"], None]
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a merge is: weights written of all weights, or (once) a kernel being compiled; or
    `reading`: every byte of the inputs is read before the first is merged."""

    done: int
    total: int
    compiling: str | None = None
    reading: bool = False


class Meter:
    """Counts weights from all threads and reports at most ten times a second."""

    def __init__(self, total: int, on_progress: OnProgress | None) -> None:
        self._total, self._on_progress = total, on_progress
        self._done, self._next = 0, 0.0
        self.facts: dict[str, Mapping[str, float]] = {}
        self._lock = threading.Lock()

    def add(self, weights: int) -> None:
        with self._lock:
            self._done += weights
            now = time.monotonic()
            if self._on_progress is None or now < self._next:
                return
            self._next = now + REPORT_SECONDS
            self._on_progress(Progress(self._done, self._total))

    def share(self) -> float:
        """How much of the merge is done, 0 to 1."""
        return self._done / max(1, self._total)

    def compiling(self, name: str) -> None:
        if self._on_progress:
            self._on_progress(Progress(0, self._total, compiling=name))

    def reading(self) -> None:
        if self._on_progress:
            self._on_progress(Progress(0, self._total, reading=True))

    def finish(self) -> None:
        if self._on_progress:
            self._on_progress(Progress(self._total, self._total))
