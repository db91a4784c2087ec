"""What `edgemed sweep` prints: how far it is, the scores by t, the best t and what it keeps."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from math import isinf

from edgemed.amounts import amount
from edgemed.cli.terminal.printing import clear_line
from edgemed.cli.terminal.progress import minutes
from edgemed.evals.intervals import FEW, Interval, mean_of, ratio_of
from edgemed.evals.sweep_file import RULE, best
from edgemed.evals.sweeping.scores import Examined, curve_of
from edgemed.evals.sweeping.sweep import Way
from edgemed.printable import printable
from edgemed.tables import Table


class Narrator:
    """Progress on stderr: a line per finished point, and on a terminal also the current step."""

    def __init__(self, points: int) -> None:
        self.left = points
        self.live = sys.stderr.isatty()
        self.began: float | None = None

    def at_work(self, t: float | str, what: str) -> None:
        """Show what is being done at `t`, or for a row, on a terminal only."""
        if self.began is None:
            self.began = time.monotonic()
        if self.live:
            clear_line(sys.stderr)
            where = t if isinstance(t, str) else f"t = {t:g}"
            sys.stderr.write(printable(f"{where}: {what}"))
            sys.stderr.flush()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        print(printable(text), file=sys.stderr)

    def clear(self) -> None:
        """Remove the progress line before another line is printed."""
        clear_line(sys.stderr)

    def told(self, point: Examined) -> Examined:
        """Report a finished point, and how long the others will take if this one is new."""
        self.left -= 1
        took = None if self.began is None else time.monotonic() - self.began
        self.began = None
        means = ", ".join(f"{axis} {mean_of(w).value:.2f}" for axis, w in point.worths.items())
        rest = f" ({minutes(took * self.left)} to go)" if took and self.left else ""
        self.note(f"t = {point.t:g}: {means}{rest}")
        return point


def table_of(found: Sequence[Examined]) -> Table:
    """A row per t, a column per axis, and a column of cut answers if there are any."""
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
    """The best t by RULE, what it keeps of each model, and the command that makes it."""
    empty = [axis for axis in found[0].worths if not any(any(p.worths[axis]) for p in found)]
    for axis in empty:
        yield f"{axis}: every answer scored 0, so this axis is ignored when choosing t"
    if len(found) == 1 or len(empty) == len(found[0].worths):
        return
    chosen = best(curve_of(found, way.method))
    yield f"\nbest: t = {chosen.t:g}, {RULE} ({chosen.axis} keeps {chosen.share:.0%})"
    if chosen.like:
        others = ", ".join(f"{t:g}" for t in chosen.like)
        yield f"these cases cannot tell it apart from t = {others}"
    yield from kept({point.t: point for point in found}, chosen.t)
    yield f"to make it: {shown(command_for(way, chosen.t))}"


def kept(points: dict[float, Examined], t: float) -> Iterator[str]:
    """The score at `t` on each axis as a share of the better model's, on the same cases."""
    if not {0.0, 1.0} <= set(points):
        yield "add t = 0 and t = 1 to see what the merge keeps of each model"
        return
    for axis, ours in points[t].worths.items():
        end = max((0.0, 1.0), key=lambda n: sum(points[n].worths[axis]))
        ratio = ratio_of(ours, points[end].worths[axis])
        if ratio is not None and end != t:
            value, low, high = (f"{100 * number:.0f}" for number in ratio)
            upper = "without upper bound" if isinf(ratio.high) else f"to {high}"
            yield f"{axis}: {value} % (95 % interval {low} {upper}) of the score at t = {end:g}"


def command_for(way: Way, t: float) -> list[str]:
    """The command that makes the merge at `t`."""
    made = ["edgemed", "merge", str(way.a), str(way.b), "--t", f"{t:g}", "--method", way.method]
    for option, value in way.options.items():
        made += [option, value]
    return [*made, "-o", "merged.gguf"]


def shown(command: list[str]) -> str:
    """A command quoted for the system's shell."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def cautions(found: Sequence[Examined], max_tokens: int) -> Iterator[str]:
    """Warnings about the figures."""
    if len(found) > 1:
        yield "t was chosen on these cases: expect slightly lower scores on others"
    if cut := sum(point.cut for point in found):
        total = sum(len(worths) for point in found for worths in point.worths.values())
        most = amount(max_tokens, "token")
        yield f"cut at {most}, which failed their rules: {cut:,} of {amount(total, 'answer')}"
    for axis, worths in found[0].worths.items():
        if len(worths) < FEW:
            yield f"{axis}: only {amount(len(worths), 'case')}; its intervals may be too narrow"
