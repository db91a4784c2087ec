"""A module of ours as Windows would load it: the platform's name and its libraries are played.

What is played follows Microsoft's documentation of each call. It shows that the Windows half of a
file runs, calls what it should and understands the answer, not that Windows answers so: what was
tried is in docs/it.md, "What was tried".
"""

import ctypes
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Locking:
    """`msvcrt`: one byte of a file locked for whoever came first, until it is closed."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def locking(self, fd: int, mode: int, nbytes: int) -> None:
        """OSError where another file descriptor has the byte."""
        assert (mode, nbytes) == (self.LK_NBLCK, 1)
        if self.held.setdefault(os.fstat(fd).st_ino, fd) != fd:
            raise OSError(36, "deadlock avoided")


def plays(monkeypatch: pytest.MonkeyPatch, **libraries: Any) -> None:
    """From here on this process believes to be on Windows; `libraries` are those of `windll`."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)
    monkeypatch.setitem(sys.modules, "msvcrt", Locking())
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(**libraries), raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)


def loaded(module: ModuleType) -> Any:
    """The module's file run once more, beside the one that is in use."""
    path = Path(str(module.__file__))
    spec = importlib.util.spec_from_file_location(f"{path.stem}_on_windows", path)
    assert spec is not None and spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh


def function(act: Callable[..., Any]) -> Any:
    """A function of a library: a callable that has attributes such as `restype`."""

    class Function:
        restype: Any = None
        argtypes: Any = None

        def __call__(self, *arguments: Any) -> Any:
            return act(*arguments)

    return Function()
