"""`edgemed sweep A B --cases FILE`: merges along t, held against cases of the user's own."""

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgemed.cli.merge import read_template
from edgemed.cli.model_options import configure_loading, options_of, positive
from edgemed.cli.tables import Table, show
from edgemed.errors import UsageError
from edgemed.evals.cases import read_cases
from edgemed.evals.intervals import Interval, mean_of, ratio_of
from edgemed.evals.sweep import Examined, Way, sweep
from edgemed.evals.sweep_file import RULE, best, read_sweep, sweeps_folder
from edgemed.merging.out_types import type_word

TENTHS = tuple(round(0.1 * n, 1) for n in range(11))
METHODS = ("linear", "slerp")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed sweep`."""
    add = parser.add_argument
    add("models", nargs=2, type=Path, metavar="MODEL", help="the models at t = 0 and at t = 1")
    add(
        "--cases",
        nargs="+",
        type=Path,
        required=True,
        metavar="FILE",
        help="prompts, each with what its answer is held against: README, Sweeps",
    )
    add("-o", "--out", type=Path, help="the file of scores (default: in the data folder's sweeps)")
    add("--t", nargs="+", type=share, default=TENTHS, help="where to look (0, 0.1, ... 1)")
    add("--method", choices=METHODS, default=METHODS[0], help="linear (default) or slerp")
    add("--out-type", metavar="TYPE", help="of the merges: like-a (default), Q6_K, Q4_K_M, ...")
    add("--tokenizer-from", metavar="MODEL", help="as for merge: A, B, ...")
    add("--chat-template", type=Path, metavar="FILE", help="a template to put into the merges")
    add("--max-tokens", type=positive, default=256, metavar="N", help="of an answer (256)")
    configure_loading(parser.add_argument_group("how they are run").add_argument)


def share(text: str) -> float:
    """A number from 0 to 1, for argparse."""
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return number


def run(args: argparse.Namespace) -> int:
    """Examine every point, then say which t is best and what it keeps."""
    cases, way = read_cases(args.cases), way_of(args)
    out = args.out or sweeps_folder() / f"{way.a.stem}-{way.b.stem}.jsonl"
    if out.suffix != ".jsonl":
        raise UsageError(f"{out} does not end in .jsonl", "scores are one JSON object a line")
    options = replace(options_of(args), chat_template=None)
    ts = sorted(set(args.t))
    narrator = Narrator(len(ts))
    points = sweep(way, ts, cases, out, options, args.max_tokens, narrator.tell)
    found = [narrator.told(point) for point in points]
    show([table_of(found)])
    for line in (*verdict(found, way, out), *cautions(found, args.max_tokens)):
        print(line)
    print(f"scores: {out}", file=sys.stderr)
    return 0


def way_of(args: argparse.Namespace) -> Way:
    """From which model to which, and how."""
    changes: dict[str, Any] = {}
    options: dict[str, str] = {}
    if args.out_type is not None:
        changes["out_type"] = options["--out-type"] = type_word(args.out_type)
    if args.tokenizer_from is not None:
        changes["tokenizer"] = options["--tokenizer-from"] = args.tokenizer_from
    if args.chat_template is not None:
        changes["chat_template"] = read_template(args.chat_template)
        options["--chat-template"] = str(args.chat_template)
    a, b = args.models
    return Way(a, b, args.method, changes, options)


class Narrator:
    """What is at work, on stderr: a line a point, and on a terminal how many answers it has."""

    def __init__(self, points: int) -> None:
        self.left = points
        self.live = sys.stderr.isatty()
        self.began: float | None = None

    def tell(self, t: float, done: int, total: int) -> None:
        """How far the point at `t` is."""
        if self.began is None:
            self.began = time.monotonic()
        if self.live:
            what = f"{done} of {total} answers" if done else "merging"
            sys.stderr.write(f"\r\x1b[Kt = {t:g}: {what}")
            sys.stderr.flush()

    def told(self, point: Examined) -> Examined:
        """A point is done; about how long the others take, if this one was not kept."""
        self.left -= 1
        took = None if self.began is None else time.monotonic() - self.began
        self.began = None
        means = ", ".join(f"{axis} {mean_of(w).value:.2f}" for axis, w in point.worths.items())
        rest = f" ({minutes(took * self.left)} to go)" if took and self.left else ""
        start = "\r\x1b[K" if self.live else ""
        print(f"{start}t = {point.t:g}: {means}{rest}", file=sys.stderr)
        return point


def minutes(seconds: float) -> str:
    """About how long."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"


def table_of(found: Sequence[Examined]) -> Table:
    """A row for each t, a column for each axis."""
    axes = tuple(found[0].worths)
    rows = [
        (f"{point.t:g}", *(spread(mean_of(point.worths[axis])) for axis in axes)) for point in found
    ]
    return Table((">t", *axes), rows)


def spread(figure: Interval) -> str:
    """A figure with its 95 % interval."""
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def verdict(found: Sequence[Examined], way: Way, out: Path) -> Iterator[str]:
    """The best t by the stated rule, and what it keeps of either parent."""
    if len(found) == 1:
        return
    chosen = best(read_sweep(out)[0])
    yield f"\nbest: t = {chosen.t:g}, {RULE} ({chosen.axis}: {chosen.share:.0%})"
    if chosen.like:
        others = ", ".join(f"{t:g}" for t in chosen.like)
        yield f"these cases do not tell it apart from t = {others}"
    points = {point.t: point for point in found}
    if {0.0, 1.0} <= set(points):
        yield from kept(points, chosen.t, way)
    yield f"to make it: {shlex.join(command_for(way, chosen.t))}"


def command_for(way: Way, t: float) -> list[str]:
    """The command that makes the file examined at `t`."""
    made = ["edgemed", "merge", str(way.a), str(way.b), "--t", f"{t:g}", "--method", way.method]
    for option, value in way.options.items():
        made += [option, value]
    return [*made, "-o", "merged.gguf"]


def kept(points: dict[float, Examined], t: float, way: Way) -> Iterator[str]:
    """What the point at `t` has of the better parent's score on each axis, on the same cases."""
    for axis, ours in points[t].worths.items():
        end = max((0.0, 1.0), key=lambda n: sum(points[n].worths[axis]))
        ratio = ratio_of(ours, points[end].worths[axis])
        parent = (way.b if end else way.a).name
        if ratio is None:
            yield f"{axis}: neither parent has any"
        else:
            value, low, high = (f"{100 * number:.0f}" for number in ratio)
            yield f"{axis}: {value} % (95 % interval {low} to {high}) of what {parent} has"


def cautions(found: Sequence[Examined], max_tokens: int) -> Iterator[str]:
    """What the figures do not say by themselves."""
    if len(found) > 1:
        yield "t was chosen on these cases: on others expect a little less"
    if cut := sum(point.cut for point in found):
        total = sum(len(worths) for point in found for worths in point.worths.values())
        yield f"{cut} of {total} answers were cut at {max_tokens} tokens; --max-tokens gives more"
