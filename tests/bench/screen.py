"""From a key in to the answer out, on a pty.

    python -m tests.bench.screen [KEYS]                       this tree, default 100 keys of a kind
    python -m tests.bench.screen KEYS PAIRS TREE              against another tree, in turns

The screen shows a note of 5,000 lines while a scripted model writes 20 words a second. Three kinds
of keys are pressed, one at a time: page down in the note (answered when a line is on its way that
was not shown before), a letter typed into a search line, and, once the model was stopped, a letter
typed into the draft (both answered when the letter comes back).

Against another tree (a checkout of an earlier state, say) both screens run at the same time and get
their keys in turns, one key each, so that whatever else the machine does meets both. A pair is a
fresh start of both. Beside the seconds by the clock stand the seconds of processor that the screen
took meanwhile, with the words that it drew; the machine's load does not count in those.
"""

import fcntl
import math
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LINES = 5000
ROWS, COLUMNS = 40, 120
PACE = 0.05  # 20 words a second
PATIENCE = 10.0
MINUTE, LATE = 60.0, 4.0  # seconds after which a letter is lost, and after which it is late
SIGNS = (b"~", b"`")
MOST_LOST = 5
REST = 0.12  # seconds after an answer, for what is drawn behind it
HERE = Path(__file__).parents[2]
LINE = re.compile(rb"#(\d{4})#")


def child() -> None:
    """The app on the long note, its model writing for minutes."""
    from edgemed_models.fake import ScriptedModel
    from edgemed_tui.app import EdgemedApp

    from tests.tui.scripted import services

    note = "".join(f"#{i:04d}# Na 128 [L]  K 5.9 [H]  weight 76 kg\n" for i in range(LINES))
    words = [" word" if i % 12 else " word.\n" for i in range(100_000)]
    model = ScriptedModel(words, delay=PACE, context=10**7)
    with tempfile.TemporaryDirectory() as folder:
        EdgemedApp(services(model, folder=Path(folder)), note).run()


class Screen:
    """The app on a pty: keys in, bytes out."""

    START = "from tests.bench.screen import child; child()"

    def __init__(self, tree: Path = HERE) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(tree)
            rooms = [str(tree / room) for room in ("", "native", "models", "tui")]
            env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": ":".join(rooms)}
            command = [sys.executable, "-c", self.START]
            os.execve(sys.executable, command, env)
        self.last, self.seen = 0, b""
        self.lost = self.late = 0  # letters that never came to the screen, or late
        self.beside: list[Screen] = []  # others, whose output must not stand still meanwhile
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def processor(self) -> float:
        """Seconds of processor that it has taken so far, all threads together."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def drain(self, seconds: float) -> bytes:
        """What comes out within `seconds`."""
        end, out = time.perf_counter() + seconds, b""
        while (left := end - time.perf_counter()) > 0:
            out += self.read(left)
        self.seen += out
        return out

    def read(self, seconds: float) -> bytes:
        """What comes next, if it comes within `seconds`."""
        others = [other.fd for other in self.beside]
        ready = select.select([self.fd, *others], [], [], seconds)[0]
        for fd in others:
            if fd in ready:
                os.read(fd, 1 << 16)
        return os.read(self.fd, 1 << 16) if self.fd in ready else b""

    def answer(
        self, key: bytes, answered: Callable[[bytes], bool], patience: float = PATIENCE
    ) -> float:
        """Seconds from writing `key` until the bytes so far are its answer."""
        start = time.perf_counter()
        os.write(self.fd, key)
        out = b""
        while time.perf_counter() - start < patience:
            if (came := self.read(0.5)) and answered(out := out + came):
                self.seen = out
                return time.perf_counter() - start
        last = visible(out)[-300:].decode(errors="replace")
        raise RuntimeError(f"no answer to {key!r} in {patience} seconds, but {last!r}")


def begin(screen: Screen) -> None:
    """Wait for the screen, choose the first template, begin a draft."""
    screen.drain(8.0)
    os.write(screen.fd, b"\x14")  # ctrl+t
    screen.drain(2.0)
    os.write(screen.fd, b"\r")
    screen.drain(1.0)
    os.write(screen.fd, b"\x07")  # ctrl+g
    screen.drain(2.0)


def search(screen: Screen) -> None:
    """Open a search line."""
    screen.answer(b"\x14", lambda out: b"type to search" in visible(out))
    screen.drain(1.0)


def edit(screen: Screen) -> None:
    """The picker closes, the model stops, the draft is edited; a busy machine takes a while."""
    for _ in range(10):
        os.write(screen.fd, b"\x1b")
        screen.drain(1.5)
        with suppress(RuntimeError):
            screen.answer(b"e", lambda out: b"editing" in visible(out), patience=3.0)
            screen.drain(2.0)
            return
    raise RuntimeError("the draft never came to be edited")


def main(keys: int) -> None:
    """Press, measure, print."""
    screen = Screen()
    begin(screen)
    for name, ready, press in KINDS:
        ready(screen)
        report(name, [press(screen, n).seconds for n in range(keys)])
    os.kill(screen.pid, signal.SIGKILL)


class Key(NamedTuple):
    """One key: seconds by the clock, and of processor until what follows it was drawn as well."""

    seconds: float
    processor: float


def page(screen: Screen, number: int) -> Key:
    """Page down, once more."""
    last, before = screen.last, screen.processor()

    def answered(out: bytes) -> bool:
        return any(int(n) > last for n in LINE.findall(out))

    seconds = screen.answer(b"\x1b[6~", answered)
    screen.drain(REST)
    screen.last = max(map(int, LINE.findall(screen.seen)), default=last)
    return Key(seconds, screen.processor() - before)


def letter(screen: Screen, number: int) -> Key:
    """A sign that stands nowhere else on the screen, taken back again; one that a busy machine
    shows late is counted as late, and as lost only if it has not come within a minute."""
    sign = SIGNS[number % 2]
    while True:
        before = screen.processor()
        try:
            seconds = screen.answer(sign, lambda out: sign in visible(out), patience=MINUTE)
            screen.late += seconds > LATE
            break
        except RuntimeError:  # typed again: the screen has dropped it
            screen.lost += 1
            if screen.lost > MOST_LOST:
                raise
    os.write(screen.fd, b"\x7f")
    screen.drain(REST)
    return Key(seconds, screen.processor() - before)


def nothing(screen: Screen) -> None:
    """It is ready."""


KINDS: tuple[tuple[str, Callable[[Screen], None], Callable[[Screen, int], Key]], ...] = (
    ("page down in the note", nothing, page),
    ("a letter in a search line", search, letter),
    ("a letter in the draft", edit, letter),
)


def compare(keys: int, pairs: int, other: Path) -> None:
    """Both trees side by side, key by key in turns; prints each pair and what follows of all."""
    found: dict[str, list[tuple[list[Key], list[Key]]]] = {name: [] for name, _, _ in KINDS}
    lost, late = [0, 0], [0, 0]
    for pair in range(pairs):
        screens = [Screen(HERE), Screen(other)]
        screens[0].beside, screens[1].beside = screens[1:], screens[:1]
        try:
            for screen in screens:
                begin(screen)
            for name, ready, press in KINDS:
                for screen in screens:
                    ready(screen)
                taken: tuple[list[Key], list[Key]] = [], []
                for number in range(keys):
                    for at in (0, 1) if (number + pair) % 2 else (1, 0):
                        taken[at].append(press(screens[at], number))
                found[name].append(taken)
                print(f"{pair + 1:3}  {name:26} " + "   ".join(map(short, taken)), flush=True)
            lost = [lost[at] + screens[at].lost for at in (0, 1)]
            late = [late[at] + screens[at].late for at in (0, 1)]
        except RuntimeError as error:
            print(f"{pair + 1:3}  left out: {error}", flush=True)
        finally:
            for screen in screens:
                os.kill(screen.pid, signal.SIGKILL)
                os.waitpid(screen.pid, 0)
                os.close(screen.fd)
    print(f"letters that were lost: {lost[0]} against {lost[1]}, late: {late[0]} against {late[1]}")
    for name, taken_of in found.items():
        print(name)
        for what, figure in FIGURES:
            print(f"  {what:30} {ratio([(figure(a), figure(b)) for a, b in taken_of])}")


def p95(times: Sequence[float]) -> float:
    """The 95th percentile."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


FIGURES: tuple[tuple[str, Callable[[list[Key]], float]], ...] = (
    ("clock, 95th percentile", lambda taken: p95([key.seconds for key in taken])),
    ("clock, median", lambda taken: statistics.median(key.seconds for key in taken)),
    ("processor, 95th percentile", lambda taken: p95([key.processor for key in taken])),
    ("processor, mean", lambda taken: statistics.fmean(key.processor for key in taken)),
)


def short(taken: list[Key]) -> str:
    """A pair's figures in milliseconds."""
    return " ".join(f"{1000 * figure(taken):6.1f}" for _, figure in FIGURES)


def ratio(rows: list[tuple[float, float]]) -> str:
    """Medians over the pairs, and the ratio of this tree to the other with its 95 % interval by
    resampling pairs."""
    logs = [math.log(a / b) for a, b in rows]
    draw = random.Random(0)
    means = sorted(statistics.fmean(draw.choices(logs, k=len(logs))) for _ in range(4000))
    low, high = (math.exp(means[int(q * len(means))]) for q in (0.025, 0.975))
    a, b = (1000 * statistics.median(row[at] for row in rows) for at in (0, 1))
    found = math.exp(statistics.fmean(logs))
    return f"{a:6.1f} ms against {b:6.1f} ms, ratio {found:.3f} ({low:.3f} to {high:.3f})"


def visible(out: bytes) -> bytes:
    """`out` without escape sequences."""
    return re.sub(rb"\x1b\[[0-9;?<>=$]*[a-zA-Z~]", b"", out)


def report(name: str, times: list[float]) -> None:
    """Median, 95th percentile and worst, in milliseconds."""
    middle, most, worst = statistics.median(times), p95(times), max(times)
    print(
        f"{name}: {len(times)} keys, median {1000 * middle:.1f} ms, p95 {1000 * most:.1f} ms,"
        f" worst {1000 * worst:.1f} ms"
    )


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:3]]
    if len(sys.argv) > 3:
        compare(given[0], given[1], Path(sys.argv[3]).resolve())
    else:
        main(given[0] if given else 100)
