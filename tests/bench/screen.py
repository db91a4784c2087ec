"""From a key in to the answer out, on a pty: `python -m tests.bench.screen [KEYS]`.

The screen shows a note of 5,000 lines while a scripted model writes 20 words a second. Three kinds
of keys are pressed, one at a time: page down in the note (answered when a line is on its way that
was not shown before), a letter typed into a search line, and, once the model was stopped, a letter
typed into the draft (both answered when the letter comes back).
"""

import fcntl
import os
import pty
import re
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

LINES = 5000
ROWS, COLUMNS = 40, 120
PACE = 0.05  # 20 words a second
PATIENCE = 5.0
LINE = re.compile(rb"#(\d{4})#")


def child() -> None:
    """The app on the long note, its model writing for minutes."""
    from edgemed_models.fake import ScriptedModel
    from edgemed_tui.app import EdgemedApp

    from tests.tui.scripted import desk

    note = "".join(f"#{i:04d}# Na 128 [L]  K 5.9 [H]  weight 76 kg\n" for i in range(LINES))
    words = [" word" if i % 12 else " word.\n" for i in range(100_000)]
    model = ScriptedModel(words, delay=PACE, context=10**7)
    with tempfile.TemporaryDirectory() as folder:
        EdgemedApp(desk(model, folder=Path(folder)), note).run()


class Screen:
    """The app on a pty: keys in, bytes out."""

    def __init__(self) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            child()
            os._exit(0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def drain(self, seconds: float) -> bytes:
        """What comes out within `seconds`."""
        end, out = time.perf_counter() + seconds, b""
        while (left := end - time.perf_counter()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                out += os.read(self.fd, 1 << 16)
        return out

    def answer(self, key: bytes, answered: Callable[[bytes], bool]) -> float:
        """Seconds from writing `key` until the bytes so far are its answer."""
        start = time.perf_counter()
        os.write(self.fd, key)
        out = b""
        while time.perf_counter() - start < PATIENCE:
            if select.select([self.fd], [], [], 0.5)[0]:
                out += os.read(self.fd, 1 << 16)
                if answered(out):
                    return time.perf_counter() - start
        raise RuntimeError(f"no answer to {key!r} in {PATIENCE} seconds")


def main(keys: int) -> None:
    """Press, measure, print."""
    screen = Screen()
    screen.drain(6.0)
    os.write(screen.fd, b"\x14")  # ctrl+t
    screen.drain(1.0)
    os.write(screen.fd, b"\r")
    screen.drain(0.5)
    os.write(screen.fd, b"\x07")  # ctrl+g
    screen.drain(2.0)
    report("page down in the note", pages(screen, keys))
    os.write(screen.fd, b"\x14")
    screen.drain(1.0)
    report("a letter in a search line", letters(screen, keys))
    for key in (b"\x1b", b"\x1b", b"e"):  # the picker closes, the model stops, the draft opens
        os.write(screen.fd, key)
        screen.drain(1.5)
    report("a letter in the draft", letters(screen, keys))
    os.kill(screen.pid, 9)


def pages(screen: Screen, keys: int) -> list[float]:
    """Page down, again and again."""
    times, last = [], 0
    for _ in range(keys):
        seen: list[int] = []

        def answered(out: bytes, last: int = last, seen: list[int] = seen) -> bool:
            seen[:] = [int(n) for n in LINE.findall(out)]
            return any(n > last for n in seen)

        times.append(screen.answer(b"\x1b[6~", answered))
        rest = [int(n) for n in LINE.findall(screen.drain(0.12))]
        last = max([last, *seen, *rest])
    return times


def letters(screen: Screen, keys: int) -> list[float]:
    """Signs that stand nowhere else on the screen, each taken back again."""
    times = []
    for i in range(keys):
        sign = b"~^"[i % 2 : i % 2 + 1]
        times.append(screen.answer(sign, lambda out, sign=sign: sign in visible(out)))
        os.write(screen.fd, b"\x7f")
        screen.drain(0.12)
    return times


def visible(out: bytes) -> bytes:
    """`out` without escape sequences."""
    return re.sub(rb"\x1b\[[0-9;?<>=$]*[a-zA-Z~]", b"", out)


def report(name: str, times: list[float]) -> None:
    """Median, 95th percentile and worst, in milliseconds."""
    ordered = sorted(1000 * t for t in times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    middle = statistics.median(ordered)
    print(
        f"{name}: {len(times)} keys, median {middle:.1f} ms, p95 {p95:.1f} ms,"
        f" worst {ordered[-1]:.1f} ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
