"""What differs by system stands in few files, each with its Windows half, which runs here too."""

import ast
import ctypes
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import edgemed_tui.hangup_windows
import numpy as np
import pytest
from edgemed_models import machine
from edgemed_models.privacy import dumps

from edgemed.local_models import process_memory
from edgemed.storage import media, positional
from tests.house import windows

ROOT = Path(__file__).parents[2]
PACKAGES = ("edgemed", "native/edgemed_native", "models/edgemed_models", "tui/edgemed_tui")
POSIX_MODULES = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp"}
POSIX_CALLS = {
    "pwrite", "preadv", "pread", "geteuid", "getuid", "fchmod", "fork", "killpg", "sysconf",
    "posix_fallocate", "add_signal_handler", "remove_signal_handler", "sysctlbyname",
}  # fmt: skip
TWINS = {"tui/edgemed_tui/hangup_posix.py": "tui/edgemed_tui/hangup_windows.py"}
"""Two files where the others hold both halves in one."""


def files() -> list[Path]:
    """Every Python file of the four packages."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def posix_alone(path: Path) -> set[str]:
    """What a file names that Windows does not have."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= POSIX_MODULES & {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found |= POSIX_CALLS & {node.attr}
    return found


def test_what_windows_lacks_stands_only_in_files_with_a_windows_half() -> None:
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if posix_alone(path) and name not in TWINS:
            assert re.search(r'platform [!=]= "win32"', path.read_text("utf-8")), name
    assert all((ROOT / twin).is_file() for twin in TWINS.values())


def test_both_twins_offer_the_same_functions() -> None:
    def names(path: str) -> set[str]:
        nodes = ast.walk(ast.parse((ROOT / path).read_text("utf-8")))
        return {n.name for n in nodes if isinstance(n, ast.FunctionDef)} & {"watch", "unwatch"}

    for posix, twin in TWINS.items():
        assert names(posix) == names(twin) == {"watch", "unwatch"}


def test_pieces_are_written_and_read_by_position_from_many_threads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def seek_and_wait(*arguments: int, seek: Any = os.lseek) -> int:
        place: int = seek(*arguments)
        time.sleep(0.001)  # long enough for another thread to move the position
        return place

    windows.plays(monkeypatch)
    monkeypatch.setattr(os, "lseek", seek_and_wait)
    there = windows.loaded(positional)
    pieces = [bytes([n]) * 1000 for n in range(64)]
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | there.O_BINARY | there.O_NOFOLLOW)
    try:
        there.reserve(fd, 64_000)
        assert os.fstat(fd).st_size == 64_000

        def put(n: int) -> None:
            there.write_at(fd, pieces[n], n * 1000)

        def take(n: int) -> bytes:
            piece = np.empty(1000, np.uint8)
            there.read_into(fd, piece, n * 1000)
            return piece.tobytes()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(64)))
            found = list(pool.map(take, range(64)))
    finally:
        os.close(fd)
    assert found == pieces


def test_a_file_is_locked_for_one_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    windows.plays(monkeypatch)
    there = windows.loaded(positional)
    ours, theirs = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    try:
        assert there.lock(ours) and not there.lock(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_removable_drives_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"C:\\": 3, "E:\\": 2, "F:\\": 5}  # fixed, removable, CD
    kernel = SimpleNamespace(GetDriveTypeW=lambda root: kinds.get(root, 1))
    windows.plays(monkeypatch, kernel32=kernel)
    assert list(windows.loaded(media).media()) == [Path("E:\\")]


def test_the_working_set_is_asked_of_the_process_and_its_handle_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[int] = []

    def opened(rights: int, inherit: bool, pid: int) -> int:
        assert rights == 0x1000 and not inherit
        return pid + 1

    def info(process: Any, counters: Any, size: int) -> int:
        assert process.value == 78 and size == ctypes.sizeof(counters._obj)
        counters._obj.working_set = 5 << 30
        return 1

    kernel = SimpleNamespace(
        OpenProcess=windows.function(opened), CloseHandle=lambda h: closed.append(h.value)
    )
    windows.plays(monkeypatch, kernel32=kernel, psapi=SimpleNamespace(GetProcessMemoryInfo=info))
    assert windows.loaded(process_memory).resident_bytes(77) == 5 << 30
    assert closed == [78]


def test_physical_memory_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(status: Any) -> int:
        assert status._obj.length == ctypes.sizeof(status._obj) == 64
        status._obj.total, status._obj.available = 16 << 30, 6 << 30
        return 1

    windows.plays(monkeypatch, kernel32=SimpleNamespace(GlobalMemoryStatusEx=fill))
    there = windows.loaded(machine)
    assert there.system_memory() == (16 << 30, 6 << 30)
    assert there.private_limit() is None


def test_crash_reports_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = [0]
    kernel = SimpleNamespace(
        SetErrorMode=lambda wanted: mode.__setitem__(0, wanted), GetErrorMode=lambda: mode[0]
    )
    windows.plays(monkeypatch, kernel32=kernel)
    there = windows.loaded(dumps)
    assert there.why_not() == "crashes are reported"
    there.forbid_dumps()
    assert there.why_not() is None


def test_a_closed_console_saves_the_session_and_ctrl_c_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers: list[Any] = []

    def set_handler(handler: Any, add: bool) -> None:
        handlers.append(handler) if add else handlers.remove(handler)

    windows.plays(monkeypatch, kernel32=SimpleNamespace(SetConsoleCtrlHandler=set_handler))
    there = windows.loaded(edgemed_tui.hangup_windows)
    acted: list[str] = []
    there.watch(lambda: acted.append("saved"))
    control_c, close = 0, 2
    assert not handlers[0](control_c) and acted == []
    assert handlers[0](close) and acted == ["saved"]
    there.unwatch()
    assert handlers == []
