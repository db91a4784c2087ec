"""The screen and the line mode on a pseudo-terminal: a draft, its check, and then some time."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Sequence

from edgemed_models.scale import path_of

from tests.watching.user import User, edgemed

ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=$]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()=>].?)")
PATIENCE = 120.0  # seconds for one thing to appear, traced on a busy machine
SIZE = struct.pack("HHHH", 40, 120, 0, 0)


class Terminal:
    """A command on a pseudo-terminal of its own: keys in, words out."""

    def __init__(self, command: Sequence[str], user: User) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(user.work)
            os.execvpe(command[0], list(command), user.environment())
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, SIZE)
        self.shown = b""

    def type(self, keys: str) -> None:
        """Press `keys`; what was shown before does not count any more."""
        self.shown = b""
        os.write(self.fd, keys.encode())

    def shows(self, words: str) -> None:
        """Wait until `words` were written since the last key."""
        end = time.monotonic() + PATIENCE
        while words.encode() not in ESCAPES.sub(b"", self.shown):
            if time.monotonic() > end:
                raise AssertionError(f"{words!r} never came: {self.shown[-2000:]!r}")
            self.stay(0.1)

    def stay(self, seconds: float) -> None:
        """Take what comes for some time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                return
            try:
                self.shown += os.read(self.fd, 1 << 16)
            except OSError:  # the other side has closed
                time.sleep(left)

    def ended(self) -> int:
        """The exit code of a command that was told to end."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.stay(0.1)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it did not end: {self.shown[-2000:]!r}")

    def close(self) -> None:
        """End what has not ended; the worker and the check end with it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


def screen(terminal: Terminal, seconds: float) -> int:
    """Choose a template, draft, see the check, stay, quit."""
    terminal.shows("the note is read")
    terminal.type("\x14")  # ctrl+t: templates
    terminal.shows("search")
    terminal.type("Sample summary")
    terminal.stay(1.0)
    terminal.type("\r")
    terminal.stay(1.0)
    terminal.type("\x07")  # ctrl+g: draft
    terminal.shows("checked")
    terminal.stay(seconds)
    terminal.type("\x11")  # ctrl+q
    terminal.shows("Discard it")
    terminal.type("\x1b[F\r")
    return terminal.ended()


def line_mode(terminal: Terminal, seconds: float) -> int:
    """The same line by line."""
    terminal.shows("edgemed> ")
    for words, answer in (
        ("template sample", "edgemed> "),
        ("draft", "edgemed> "),
        ("findings", "edgemed> "),
    ):
        terminal.type(f"{words}\n")
        terminal.shows(answer)
    terminal.stay(seconds)
    terminal.type("quit\n")
    terminal.shows("Discard it?")
    terminal.type("yes\n")
    return terminal.ended()


SESSIONS: dict[str, tuple[list[str], Callable[[Terminal, float], int]]] = {
    "tui": (["tui", "note.txt", "--model", str(path_of("instruct"))], screen),
    "tui --plain": (["tui", "--plain", "note.txt", "--model", str(path_of("instruct"))], line_mode),
}


def server(terminal: Terminal, seconds: float) -> int:
    """A server that waits for somebody to ask, and is stopped."""
    terminal.shows("token: ")
    terminal.stay(seconds)
    terminal.type("\x03")  # ctrl+c
    return terminal.ended() - 130


SERVE = ["serve", str(path_of("instruct")), "--port", "0", "--threads", "1", "--context", "512"]
SERVERS = {"serve": (SERVE, server)}
"""What makes one internet socket, the one that listens."""


def hold(name: str, user: User, before: Sequence[str], seconds: float) -> int:
    """A session of that name, `seconds` long after its draft was checked; its exit code."""
    words, walk = (SESSIONS | SERVERS)[name]
    terminal = Terminal([*before, *edgemed(*words)], user)
    try:
        return walk(terminal, seconds)
    finally:
        terminal.close()
