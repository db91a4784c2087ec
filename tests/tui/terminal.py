"""A real terminal for tests: tmux, driven key by key."""

import shlex
import subprocess
import time
import uuid
from pathlib import Path

HOMES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
PATIENCE = 30.0  # seconds for one thing to appear on a busy machine


class Terminal:
    """A tmux server of its own with one window of `size`, columns and rows."""

    def __init__(self, command: list[str], folder: Path, size: tuple[int, int] = (80, 24)) -> None:
        self.socket = f"edgemed-test-{uuid.uuid4().hex[:8]}"
        home = {n: str(folder / "home") for n in HOMES}
        words = [f"{name}={value}" for name, value in home.items()]
        line = f"env {shlex.join([*words, *command])}; echo ended $?; sleep 60"
        columns, rows = map(str, size)
        self.tmux("new-session", "-d", "-x", columns, "-y", rows, line)

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self.socket, "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.15)

    def type(self, text: str) -> None:
        self.tmux("send-keys", "-l", text)
        time.sleep(0.15)

    def shows(self, words: str) -> str:
        """Wait until `words` are on the screen; the screen."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            screen = self.tmux("capture-pane", "-p")
            if words in screen:
                return screen
            time.sleep(0.1)
        raise AssertionError(f"{words!r} never came; the screen shows\n{screen}")

    def close(self) -> None:
        self.tmux("kill-server")
