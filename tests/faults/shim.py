"""The library of `shim.c`, built by gcc, and runs in forked processes under it.

A program that uses it begins again with the library loaded (`preloaded`); then each attempt is a
fork that arms it, so that nothing is imported or compiled anew. Linux only.
"""

import ctypes
import mmap
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SOURCE = Path(__file__).with_name("shim.c")
NAME = "faults.so"
PR_SET_PDEATHSIG = 1
MODES = {"count": 1, "full": 2, "stop": 3}


class Told(ctypes.Structure):
    """What the library tells: calls so far, which one was the n-th, and all where it counts."""

    _fields_ = (
        ("calls", ctypes.c_long),
        ("what", ctypes.c_char * 248),
        ("used", ctypes.c_long),
        ("all", ctypes.c_char * (1 << 20)),
    )


def missing() -> str:
    """Why faults cannot be injected here; empty if they can."""
    if sys.platform != "linux":
        return "faults are injected on Linux alone"
    return "" if shutil.which("gcc") else "there is no gcc to build the library of faults"


def build(folder: Path) -> Path:
    """The library, in `folder`."""
    library = folder / NAME
    words = ["gcc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(words, check=True)
    return library


def preloaded(module: str, folder: Path) -> int | None:
    """None inside a process under the library; else the exit code of `module` begun again so."""
    if NAME in os.environ.get("LD_PRELOAD", ""):
        return None
    if reason := missing():
        sys.exit(reason)
    words = [sys.executable, "-m", module, *sys.argv[1:]]
    return subprocess.call(words, env=os.environ | {"LD_PRELOAD": str(build(folder))})


@dataclass(slots=True)
class Fault:
    """At the n-th call on a file below `folder`: the disk is full (for good if `stay`), or stop."""

    mode: Literal["count", "full", "stop"]
    folder: Path
    n: int = 0
    stay: bool = True
    skip: str = ""


class Attempt:
    """`function` in a forked process under a fault; its result is the exit code."""

    def __init__(self, function: Callable[[], int], fault: Fault, said: Path) -> None:
        self._memory = mmap.mmap(-1, ctypes.sizeof(Told))
        self.told = Told.from_buffer(self._memory)
        self.code: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(self._run(function, fault, said))

    def _run(self, function: Callable[[], int], fault: Fault, said: Path) -> int:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        out, err = (said.with_name(f"{said.name}.{name}") for name in ("out", "err"))
        for number, path in ((1, out), (2, err)):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(fd, number)
        arm(fault, self.told)
        try:
            return function()
        except BaseException as error:
            import traceback

            traceback.print_exception(error)
            return 99
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()

    def stopped(self) -> bool:
        """Wait until it stops or ends; whether it stopped."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self.code = os.waitstatus_to_exitcode(status)
        return False

    def go_on(self) -> None:
        """Let it run on, if it has not ended."""
        if self.code is None:
            os.kill(self.pid, signal.SIGCONT)

    def end(self) -> int:
        """Its exit code, once it has ended."""
        while self.code is None:
            self.go_on()
            self.stopped()
        assert self.code is not None
        return self.code

    @property
    def reached(self) -> str:
        """The n-th call; empty if there were fewer."""
        return self.told.what.decode("utf-8", "replace")

    def all(self) -> Iterator[tuple[int, str]]:
        """Number and "call name" of every call, where they were counted."""
        for line in self.told.all[: self.told.used].decode("utf-8", "replace").splitlines():
            number, _, what = line.partition(" ")
            yield int(number), what


def arm(fault: Fault | None, told: Told | None = None) -> None:
    """Set the library of this process to `fault`, told in `told`; without one, to nothing."""
    library = ctypes.CDLL(None)
    if fault is None or told is None:
        library.faults_arm(None, 0, ctypes.c_long(0), 0, b"", b"")
        return
    library.faults_arm(
        ctypes.c_void_p(ctypes.addressof(told)),
        MODES[fault.mode],
        ctypes.c_long(fault.n),
        int(fault.stay),
        os.fsencode(fault.folder),
        fault.skip.encode(),
    )
