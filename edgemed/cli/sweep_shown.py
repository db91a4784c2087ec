"""What `edgemed sweep` prints: how far it is, the scores by t, the best t and what it keeps."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from math import isinf

from edgemed.cli.printing import clear_line
from edgemed.evals.intervals import FEW, Interval, mean_of, ratio_of
from edgemed.evals.scores import Examined, curve_of
from edgemed.evals.sweep import Way
from edgemed.evals.sweep_file import RULE, best
from edgemed.printable import printable
from edgemed.tables import Table


class Narrator:
    """What is at work, on stderr: a line a point, and on a terminal how far it is."""

    def __init__(self, points: int) -> None:
        self.left = points
        self.live = sys.stderr.isatty()
        self.began: float | None = None

    def at_work(self, t: float, what: str) -> None:
        """What is being done at `t`, on a terminal alone."""
        if self.began is None:
            self.began = time.monotonic()
        if self.live:
            clear_line(sys.stderr)
            sys.stderr.write(printable(f"t = {t:g}: {what}"))
            sys.stderr.flush()

    def note(self, text: str) -> None:
        """A line that stays."""
        self.clear()
        print(printable(text), file=sys.stderr)

    def clear(self) -> None:
        """Take the line away before another is written."""
        clear_line(sys.stderr)

    def told(self, point: Examined) -> Examined:
        """A point is done; about how long the others take, if this one was not kept."""
        self.left -= 1
        took = None if self.began is None else time.monotonic() - self.began
        self.began = None
        means = ", ".join(f"{axis} {mean_of(w).value:.2f}" for axis, w in point.worths.items())
        rest = f" ({minutes(took * self.left)} to go)" if took and self.left else ""
        self.note(f"t = {point.t:g}: {means}{rest}")
        return point


def minutes(seconds: float) -> str:
    """About how long."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


def table_of(found: Sequence[Examined]) -> Table:
    """A row for each t, a column for each axis, and one for what was cut if anything was."""
    axes = tuple(found[0].worths)
    cut = (">cut",) if any(point.cut for point in found) else ()
    rows = [
        (
            f"{point.t:g}",
            *(spread(mean_of(point.worths[axis])) for axis in axes),
            *(str(point.cut) for _ in cut),
        )
        for point in found
    ]
    return Table((">t", *(f">{axis}" for axis in axes), *cut), rows)


def spread(figure: Interval) -> str:
    """A figure with its 95 % interval."""
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def verdict(found: Sequence[Examined], way: Way) -> Iterator[str]:
    """The best t by the stated rule, what it keeps of the ends, and the command that makes it."""
    empty = [axis for axis in found[0].worths if not any(any(p.worths[axis]) for p in found)]
    for axis in empty:
        yield f"{axis}: no answer at any t is worth anything, so it has no say in the best t"
    if len(found) == 1 or len(empty) == len(found[0].worths):
        return
    chosen = best(curve_of(found, way.method))
    yield f"\nbest: t = {chosen.t:g}, {RULE} ({chosen.axis}: {chosen.share:.0%})"
    if chosen.like:
        others = ", ".join(f"{t:g}" for t in chosen.like)
        yield f"these cases do not tell it apart from t = {others}"
    yield from kept({point.t: point for point in found}, chosen.t)
    yield f"to make it: {shown(command_for(way, chosen.t))}"


def kept(points: dict[float, Examined], t: float) -> Iterator[str]:
    """What the point at `t` has of the better end's score on each axis, on the same cases."""
    if not {0.0, 1.0} <= set(points):
        yield "with t = 0 and 1 among the values, this says what is kept of either end"
        return
    for axis, ours in points[t].worths.items():
        end = max((0.0, 1.0), key=lambda n: sum(points[n].worths[axis]))
        ratio = ratio_of(ours, points[end].worths[axis])
        if ratio is not None and end != t:
            value, low, high = (f"{100 * number:.0f}" for number in ratio)
            upper = "without upper bound" if isinf(ratio.high) else f"to {high}"
            yield f"{axis}: {value} % (95 % interval {low} {upper}) of what t = {end:g} has"


def command_for(way: Way, t: float) -> list[str]:
    """The command that makes the file asked at `t`."""
    made = ["edgemed", "merge", str(way.a), str(way.b), "--t", f"{t:g}", "--method", way.method]
    for option, value in way.options.items():
        made += [option, value]
    return [*made, "-o", "merged.gguf"]


def shown(command: list[str]) -> str:
    """A command as the system's own shell takes it."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def cautions(found: Sequence[Examined], max_tokens: int) -> Iterator[str]:
    """What the figures do not say by themselves."""
    if len(found) > 1:
        yield "t was chosen on these cases: on others expect a little less"
    if cut := sum(point.cut for point in found):
        total = sum(len(worths) for point in found for worths in point.worths.values())
        yield f"{cut} of {total} answers were cut at {max_tokens} tokens, which keeps no rule"
    for axis, worths in found[0].worths.items():
        if len(worths) < FEW:
            yield f"{axis}: only {len(worths)} cases; its intervals are rather too narrow"
