"""Killing the worker costs the running answer and nothing else; it never outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from edgemed_models.base import Done, Failed, Message, Piece, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

STORY = Request((Message("user", "Once upon a time"),), max_tokens=1000)
SHORT = Request((Message("user", "Once upon a time"),), max_tokens=3)


@posix
def test_fifty_kills_while_it_writes_each_fail_once_and_the_next_request_works(
    model: LlamaModel,
) -> None:
    for i in range(50):
        fatal = signal.SIGKILL if i % 2 else signal.SIGABRT
        stream = model.generate(STORY)
        while not isinstance(next(stream), Piece):
            pass
        pid = model.pid
        assert pid is not None
        os.kill(pid, fatal)
        ends = [e for e in stream if not isinstance(e, Piece)]
        assert len(ends) == 1 and isinstance(ends[0], Failed)
        assert fatal.name in ends[0].message and ends[0].hint and ends[0].log
    assert isinstance(list(model.generate(SHORT))[-1], Done)


@posix
def test_a_kill_between_two_requests_is_not_even_noticed(model: LlamaModel) -> None:
    assert model.pid is not None
    os.kill(model.pid, signal.SIGKILL)
    assert isinstance(list(model.generate(SHORT))[-1], Done)


@linux
def test_the_worker_may_write_no_core_dump(model: LlamaModel) -> None:
    limits = Path(f"/proc/{model.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]


PARENT = """
import os, signal, sys, threading
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
settings = EngineSettings(sys.argv[1], context=256, threads=1, chat_template="{{ messages }}")
model = LlamaModel(settings)
print(model.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@linux
def test_the_worker_dies_with_its_parent(settings: EngineSettings) -> None:
    done = subprocess.run([sys.executable, "-c", PARENT, settings.path], capture_output=True)
    pid = int(done.stdout)
    for _ in range(100):
        if not running(pid):
            return
        time.sleep(0.05)
    raise AssertionError("the worker outlived its parent")


def running(pid: int) -> bool:
    """Whether `pid` is a process that still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@posix
def test_a_worker_started_by_a_passing_thread_outlives_that_thread(
    settings: EngineSettings,
) -> None:
    import threading

    models: list[LlamaModel] = []
    thread = threading.Thread(target=lambda: models.append(LlamaModel(settings)))
    thread.start()
    thread.join()
    pid = models[0].pid
    assert isinstance(list(models[0].generate(SHORT))[-1], Done)
    assert models[0].pid == pid
    models[0].close()
