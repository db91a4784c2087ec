"""Letters typed ahead of a busy screen: does each reach its field, in its place, and how late?

    python -m tests.bench.typed_ahead [ROUNDS] [BUSY]      default: 5 rounds beside 4 busy processes

Each round starts the screen of `tests.bench.screen` on a pty: a note of 5,000 lines, a model that
writes 20 words a second. Letters are written in bursts of one to six, with and without pauses, and
no answer is waited for: into the list of templates, in the same write as the key that opens it, and
into the draft, in the same write as the key that begins editing, while it is checked again and
again. What the field then holds is asked of the program itself, and so is the draft that the case
holds. Prints letters that are missing or out of place (0 is asked for), and the seconds after the
last letter until all were there.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from textual.widgets import Input, TextArea

from tests.bench.screen import COLUMNS, Screen, begin

LETTERS = 120  # of a kind in each round
MOST_AT_ONCE = 6
PAUSES = (0.0, 0.0, 0.02, 0.05, 0.1, 2.0)  # seconds between bursts; in the longest a check ends
STALLS, STALL = 0.3, 0.7  # how many bursts are followed by a standstill, and its seconds
PATIENCE = 60.0
HELD = "EDGEMED_BENCH_HELD"
BUSY = "while True: sum(range(10**6))"
WORDS_OF = {"list": b"\x14", "draft": b"e"}  # the key that opens each, in the same write


def child() -> None:
    """The screen; tells what its field holds when it gets SIGUSR1."""
    from edgemed_tui.app import EdgemedApp

    from tests.bench import screen

    def listen(app: EdgemedApp) -> None:
        file = Path(os.environ[HELD])
        signal.signal(signal.SIGUSR1, lambda number, frame: told(file, app))

    setattr(EdgemedApp, "on_load", listen)  # noqa: B010 - a handler that the app has not
    screen.child()


def told(file: Path, app: Any) -> None:
    """Write what is held beside the file, then in its place: nobody reads half of it."""
    whole = file.with_suffix(".whole")
    whole.write_text(held(app), "utf-8")
    whole.replace(file)


def held(app: Any) -> str:
    """What the field with the focus holds; of the draft, what the case has of it behind a line."""
    field = app.focused
    if isinstance(field, Input):
        return f"list\0{field.value}\0{field.value}"
    if isinstance(field, TextArea) and not field.read_only:
        return f"draft\0{field.text}\0{app.case.session.text}"
    return "\0\0"


class Asked(Screen):
    """A screen that says what it holds."""

    START = "from tests.bench.typed_ahead import child; child()"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "held"
        os.environ[HELD] = str(self.file)
        super().__init__()

    def ask(self) -> tuple[str, str, str]:
        """The kind of its field, the text in it, and the text that the case has."""
        self.file.write_text("", "utf-8")
        os.kill(self.pid, signal.SIGUSR1)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.drain(0.1)
            parts = self.file.read_text("utf-8").split("\0")
            if len(parts) == 3:
                return parts[0], parts[1], parts[2]
        return "", "", ""


def bursts(draw: random.Random) -> list[bytes]:
    """Letters in the portions in which they are written."""
    text = bytes(draw.choices(b"abcdefghijklmnopqrstuvwxyz", k=LETTERS))
    found = []
    while text:
        many = draw.randint(1, MOST_AT_ONCE)
        found.append(text[:many])
        text = text[many:]
    return found


def typed(screen: Asked, kind: str, draw: random.Random) -> tuple[int, float]:
    """Letters that are missing or out of place, and seconds until all were there."""
    portions = bursts(draw)
    text = b"".join(portions).decode()
    os.write(screen.fd, WORDS_OF[kind] + portions[0])
    for portion in portions[1:]:
        screen.drain(draw.choice(PAUSES))
        os.write(screen.fd, portion)
        if draw.random() < STALLS:
            stall(screen, draw)
    start = time.monotonic()
    while time.monotonic() - start < PATIENCE:
        field, shown, case = screen.ask()
        if field == kind and text in shown and shown == case:
            return 0, time.monotonic() - start
    return LETTERS - most_alike(text, shown), time.monotonic() - start


def stall(screen: Asked, draw: random.Random) -> None:
    """Give the screen no processor for a while, as a starved machine does."""
    screen.drain(draw.random() / 50)
    os.kill(screen.pid, signal.SIGSTOP)
    screen.drain(STALL)
    os.kill(screen.pid, signal.SIGCONT)


def most_alike(text: str, shown: str) -> int:
    """Letters of `text` that `shown` has in their order."""
    at = 0
    for letter in shown:
        at += at < len(text) and letter == text[at]
    return at


def round_of(number: int) -> dict[str, tuple[int, float]]:
    """One fresh screen."""
    draw = random.Random(number)
    with tempfile.TemporaryDirectory() as folder:
        screen = Asked(Path(folder))
        try:
            begin(screen)
            found = {"list": typed(screen, "list", draw)}
            for _ in range(20):  # the list closes, then the model stops: the draft can be read
                os.write(screen.fd, b"\x1b")
                screen.drain(2.0)
                if stopped(screen):
                    break
            found["draft"] = typed(screen, "draft", draw)
            return found
        finally:
            os.kill(screen.pid, signal.SIGKILL)
            os.waitpid(screen.pid, 0)
            os.close(screen.fd)


def stopped(screen: Asked) -> bool:
    """Whether the draft can be edited."""
    return b"Edit" in screen.seen[-200 * COLUMNS :]


def main(rounds: int, busy: int) -> int:
    """Type, ask, print; 1 where a letter went astray."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
    astray = 0
    try:
        for number in range(rounds):
            found = round_of(number)
            astray += sum(lost for lost, _ in found.values())
            words = (f"{k}: {n} astray, {s:.1f} s late" for k, (n, s) in found.items())
            print(f"{number + 1:3}  {'   '.join(words)}", flush=True)
    finally:
        for other in others:
            other.kill()
    print(f"{astray} of {2 * rounds * LETTERS} letters astray beside {busy} busy processes")
    return bool(astray)


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    sys.exit(main(*(given + [5, 4][len(given) :])))
