"""Runs a worker process: starts it, exchanges lines with it, ends it, keeps the end of its log."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from typing import IO, Any

from edgemed_models.base import ModelError
from edgemed_models.engine import wire

LOG_LINES = 200


class WorkerDied(Exception):
    """The process ended before it had answered."""


class Process:
    """One worker process, its pipes, and the last lines it logged.

    The thread that starts the process lives as long as it and collects its log: on Linux the child
    is killed when the *thread* that started it ends, so that thread must not end early.
    """

    def __init__(self, module: str = "worker") -> None:
        """Start a module of this folder, which answers lines with lines."""
        self.module = f"edgemed_models.engine.{module}"
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.started = threading.Event()
        self.refusal: OSError | None = None
        self.thread = threading.Thread(target=self._keep, name="edgemed-engine", daemon=True)
        self.thread.start()
        self.started.wait()
        if self.refusal is not None:
            raise ModelError(
                f"the engine cannot start: {self.refusal.strerror}", "free some memory"
            )

    def _keep(self) -> None:
        command = [sys.executable, "-P", "-m", self.module, str(os.getpid())]
        pipe = subprocess.PIPE
        try:
            self.child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            self.refusal = error
            return
        finally:
            self.started.set()
        assert self.child.stderr is not None
        with self.child.stderr as stream:
            for data in stream:
                self.log.append(data.decode("utf-8", "replace").rstrip())

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; a dead worker is noticed when its answer is read."""
        try:
            stream = self._pipe(self.child.stdin)
            stream.write(wire.line(message))
            stream.flush()
        except (OSError, ValueError):
            return

    def receive(self) -> dict[str, Any]:
        """The next line of the answer. Raises WorkerDied at the end of the output."""
        try:
            return wire.parse(self._pipe(self.child.stdout).readline())
        except ValueError:  # no line, or half of one
            raise WorkerDied from None

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None
        return stream

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.child.poll() is None

    def end(self) -> int:
        """Make sure that the process has ended and its pipes are closed; returns its exit code."""
        if self.alive():
            self.child.kill()
        code = self.child.wait()
        self.thread.join()
        for stream in (self.child.stdin, self.child.stdout):
            try:
                self._pipe(stream).close()
            except OSError:  # unsent bytes of a dead worker
                continue
        return code


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended (exit code {code})"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def hint_for(code: int) -> str:
    """The usual cause of an exit code, and what to do."""
    if code == -getattr(signal, "SIGKILL", 9):
        return "probably out of memory: close programs or give a smaller context; then try again"
    if code == -getattr(signal, "SIGILL", 4):
        return "this llama.cpp build uses instructions that the CPU lacks: run `edgemed doctor`"
    return "the note is not lost: try again; the log lines say more"
