"""`edgemed sweep A B --cases FILE`: merges along t, each one asked cases of the user's own."""

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isinf
from pathlib import Path
from typing import Any

from edgemed.adapters.naming import parent_of
from edgemed.cli.merge import read_template
from edgemed.cli.model_options import configure_loading, options_of, positive
from edgemed.cli.printing import clear_line
from edgemed.cli.tables import Table, show
from edgemed.errors import EdgemedError, UsageError
from edgemed.evals.cases import read_cases
from edgemed.evals.intervals import FEW, Interval, mean_of, ratio_of
from edgemed.evals.scores import Examined, curve_of
from edgemed.evals.sweep import Exam, Way, sweep
from edgemed.evals.sweep_file import RULE, best, sweeps_folder
from edgemed.merging.plan.out_types import type_word
from edgemed.printable import printable
from edgemed.storage.place import refuse_place
from edgemed.storage.whole import private_folder

TENTHS = tuple(round(0.1 * n, 1) for n in range(11))
METHODS = ("linear", "slerp")
LIKE_A = "like-a"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed sweep`."""
    add = parser.add_argument
    add("models", nargs=2, type=parent_of, metavar="MODEL", help="the models at t = 0 and at t = 1")
    add(
        "--cases",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="prompts, each with what its answer must hold: README, Sweeps",
    )
    add("-o", "--out", type=Path, help="the file of scores (default: in the data folder's sweeps)")
    add(
        "--t",
        nargs="+",
        type=share,
        default=TENTHS,
        metavar="T",
        help="values to try (default: 0, 0.1, ... 1)",
    )
    add("--method", choices=METHODS, default=METHODS[0], help="linear (default) or slerp")
    add("--out-type", metavar="TYPE", help="of the merges: like-a (default), Q6_K, Q4_K_M, ...")
    add("--tokenizer-from", metavar="MODEL", help="whose vocabulary and chat template: A or B")
    add("--chat-template", type=Path, metavar="FILE", help="a template to put into the merges")
    add(
        "--max-tokens",
        type=positive,
        default=256,
        metavar="N",
        help="the longest answer, in tokens (256)",
    )
    configure_loading(parser.add_argument_group("how they are run").add_argument)


def share(text: str) -> float:
    """A number from 0 to 1 of four decimals at most, for argparse."""
    number = float(text)
    if not 0 <= number <= 1 or round(number, 4) != number:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1 with four decimals at most")
    return number + 0.0  # -0.0 is 0


def run(args: argparse.Namespace) -> int:
    """Ask every point, then say which t is best and what it keeps."""
    cases, way, out = read_cases(args.cases), way_of(args), out_of(args)
    exam = Exam(cases, args.max_tokens, replace(options_of(args), chat_template=None))
    ts = sorted(set(args.t))
    narrator = Narrator(len(ts))
    found: list[Examined] = []
    try:
        for point in sweep(way, ts, exam, out, narrator):
            found.append(narrator.told(point))
    except EdgemedError:
        if found:
            show([table_of(found)])  # what was measured is shown, whatever broke after it
        raise
    finally:
        narrator.clear()
    show([table_of(found)])
    for line in (*verdict(found, way), *cautions(found, args.max_tokens)):
        print(line)
    print(f"scores: {printable(str(out))}", file=sys.stderr)
    return 0


def way_of(args: argparse.Namespace) -> Way:
    """From which model to which, and how."""
    changes: dict[str, Any] = {}
    options: dict[str, str] = {}
    if args.out_type not in (None, LIKE_A):
        changes["out_type"] = options["--out-type"] = type_word(args.out_type)
    if args.tokenizer_from is not None:
        changes["tokenizer"] = options["--tokenizer-from"] = args.tokenizer_from
    if args.chat_template is not None:
        changes["chat_template"] = read_template(args.chat_template)
        options["--chat-template"] = str(args.chat_template)
    a, b = args.models
    return Way(a, b, args.method, changes, options)


def out_of(args: argparse.Namespace) -> Path:
    """The file of scores."""
    a, b = args.models
    out: Path = args.out or sweeps_folder() / f"{a.stem}-{b.stem}.jsonl"
    if out.suffix != ".jsonl":
        raise UsageError(f"{out} does not end in .jsonl", "scores are one JSON object a line")
    if args.out is None:
        with suppress(OSError):  # the next line says that it is not there
            private_folder(out.parent)
    refuse_place(out, replace=True)
    return out


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
