"""Whether llama.cpp opens a file: tried in a separate process, because llama.cpp may abort.

llama.cpp reads the header, the vocabulary and the tensor table, and compares shapes with what the
architecture needs; no weights are read. The process is started ahead, so that its libraries load
while the caller works.
"""

import re
import threading
from collections.abc import Sequence

from edgemed_models.base import ModelError
from edgemed_models.engine.process import Process, WorkerDied, hint_for, how_it_ended

SECONDS = 300  # a vocabulary of 256,000 tokens takes about one second
REASON = re.compile(r"error loading model: (.*)")
ASSERTED = re.compile(r"([^/\\\s]+:\d+: GGML_ASSERT.*)|(GGML_ABORT.*)|what\(\): *(.*)")
SHOWN = 400  # characters of a reason


class LoadCheck:
    """A process that opens files in llama.cpp; call `end` when done."""

    def __init__(self) -> None:
        """Start it. Raises ModelError if no process can be started."""
        self.process = Process("opening")
        self.ready = False

    def refusal(self, paths: Sequence[str]) -> str | None:
        """Why llama.cpp does not open a file, or a model's shards in order; None if it does.
        Raises ModelError if llama.cpp itself cannot be loaded."""
        timer = threading.Timer(SECONDS, self.process.child.kill)
        timer.daemon = True
        timer.start()
        try:
            self._wait()
            self.process.send({"paths": list(paths)})
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
        """Wait for the libraries: if the process dies before, the file is not the cause."""
        if not self.ready:
            self.process.receive()
            self.ready = True

    def _unasked(self) -> ModelError:
        code = self.process.end()
        log = tuple(self.process.log)[-4:]
        return ModelError(
            f"llama.cpp {how_it_ended(code)} while it was loaded", hint_for(code), log
        )

    def end(self) -> None:
        """End the process; safe to call twice."""
        self.process.end()


def reason(log: Sequence[str]) -> str:
    """The reason in llama.cpp's log for a refusal or an abort; empty if it gives none."""
    for pattern in (ASSERTED, REASON):
        for line in reversed(log):
            if match := pattern.search(line):
                return next(group for group in match.groups() if group)[:SHOWN]
    return ""
