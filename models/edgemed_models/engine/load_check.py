"""Whether llama.cpp opens a file: asked in a process of its own, which may die of the answer.

llama.cpp reads the header, the vocabulary and the tensor table, and compares shapes with what the
architecture wants; no weight is read. The process is started ahead, so that its libraries load
while the caller works.
"""

import re
import threading
from collections.abc import Sequence

from edgemed_models.base import ModelError
from edgemed_models.engine.client import Process, WorkerDied, hint_for, how_it_ended

SECONDS = 300  # a vocabulary of 256 thousand tokens takes about one
REASON = re.compile(r"error loading model: (.*)")
ASSERTED = re.compile(r"([^/\\\s]+:\d+: GGML_ASSERT.*)|(GGML_ABORT.*)|what\(\): *(.*)")
SHOWN = 400  # characters of a reason


class LoadCheck:
    """A process that opens files in llama.cpp; `end` it."""

    def __init__(self) -> None:
        """Start it. Raises ModelError if no process can be started."""
        self.process = Process()
        self.process.send({"op": "ready", "id": 0})
        self.ready = False

    def refusal(self, paths: Sequence[str]) -> str | None:
        """llama.cpp's reason against the file, or against a model's shards in order; None if it
        opens. Raises ModelError where llama.cpp cannot be asked."""
        timer = threading.Timer(SECONDS, self.process.child.kill)
        timer.daemon = True
        timer.start()
        try:
            self._wait()
            self.process.send({"op": "open", "paths": list(paths), "id": 0})
            answer = self.process.receive()
        except WorkerDied:
            if not self.ready:
                raise self._unasked() from None
        else:
            if "refused" not in answer:
                return None
        finally:
            timer.cancel()
        code = self.process.end()
        return reason(tuple(self.process.log)) or f"the process that opened it {how_it_ended(code)}"

    def _wait(self) -> None:
        """Until the libraries are loaded: who dies before is not ended by the file."""
        if not self.ready:
            self.process.receive()
            self.ready = True

    def _unasked(self) -> ModelError:
        code = self.process.end()
        log = tuple(self.process.log)[-4:]
        return ModelError(f"llama.cpp {how_it_ended(code)} when loaded", hint_for(code), log)

    def end(self) -> None:
        """Let the process go; safe to call twice."""
        self.process.end()


def reason(log: Sequence[str]) -> str:
    """What llama.cpp's log says it refused or died of; empty where it says nothing."""
    for pattern in (ASSERTED, REASON):
        for line in reversed(log):
            if match := pattern.search(line):
                return next(group for group in match.groups() if group)[:SHOWN]
    return ""
