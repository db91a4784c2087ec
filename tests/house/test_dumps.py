"""No process that has a note in its memory leaves an image of it: each is aborted with one."""

import fcntl
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.watching.commands import prepare
from tests.watching.cores import ABORT, dumps_core
from tests.watching.sessions import SESSIONS, Terminal
from tests.watching.user import User, edgemed

MARK = "Zyxwvut-7731"
NOTE = f"Patient {MARK} has chest pain. Aspirin 81 mg daily. Denies fever. Allergy: latex.\n"
CHECKER = [sys.executable, "-m", "edgemed_tui.checker"]


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """A user whose processes may dump what they like, as far as the system lets them."""
    if not dumps_core(tmp_path, [sys.executable, "-c", ABORT, "allowed"]):
        pytest.skip("nothing dumps a core here, forbidden or not")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    user = User(tmp_path / "user").move_in()
    prepare(user.work)
    (user.work / "note.txt").write_text(NOTE, "utf-8")
    yield user
    resource.setrlimit(resource.RLIMIT_CORE, before)


def started(command: list[str], user: User) -> "subprocess.Popen[bytes]":
    """A command with pipes."""
    pipe, none = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(
        command, cwd=user.work, env=user.environment(), stdin=pipe, stdout=pipe, stderr=none
    )


def wait_until_read(pipe: int) -> None:
    """Until nothing of what was written waits in the pipe any more."""
    for _ in range(600):
        waiting = fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4)
        if struct.unpack("i", waiting)[0] == 0:
            return
        time.sleep(0.05)
    raise AssertionError("the note was never read")


def aborted(pid: int) -> bool:
    """Whether a process that is aborted dumps its memory, as the kernel says."""
    os.kill(pid, signal.SIGABRT)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGABRT, status
    return os.WCOREDUMP(status)


def found_in(user: User) -> list[Path]:
    """Files with the mark, but for the note itself."""
    files = (path for path in user.folder.rglob("*") if path.is_file())
    return [p for p in files if p.name != "note.txt" and MARK.encode() in p.read_bytes()]


@pytest.mark.parametrize("name, shown", [("tui", "the note is read"), ("tui --plain", "edgemed> ")])
def test_a_session(name: str, shown: str, user: User) -> None:
    terminal = Terminal(edgemed(*SESSIONS[name][0]), user)
    try:
        terminal.shows(shown)
        pid, terminal.pid = terminal.pid, 0
        assert not aborted(pid)
    finally:
        terminal.close()
    assert found_in(user) == []


@pytest.mark.parametrize(
    "words", [["summarize", "-", "--template", "soap"], ["chat"], ["check-draft", "-", "draft.txt"]]
)
def test_a_command_that_is_given_a_note(words: list[str], user: User) -> None:
    child = started(edgemed(*words), user)
    assert child.stdin is not None
    child.stdin.write(NOTE.encode())
    child.stdin.flush()
    wait_until_read(child.stdin.fileno())
    assert not aborted(child.pid)
    child.returncode = -signal.SIGABRT
    assert found_in(user) == []


def test_the_process_of_the_check(user: User) -> None:
    child = started(CHECKER, user)
    assert child.stdin is not None and child.stdout is not None
    pickle.dump((NOTE, None), child.stdin)
    child.stdin.flush()
    assert pickle.load(child.stdout) is None
    assert not aborted(child.pid)
    child.returncode = -signal.SIGABRT
    assert found_in(user) == []
