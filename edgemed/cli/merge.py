"""`edgemed merge A B --t T -o OUT`: plan, show or run it, with a progress bar on a terminal."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from edgemed.merging.method_table import METHODS
from edgemed.merging.plan import Plan, plan_merge
from edgemed.merging.recipe import between
from edgemed.merging.run import Progress as Done
from edgemed.merging.run import Report, Result, run_plan, usable_cores
from edgemed.process_memory import resident_bytes
from edgemed.sizes import parse_size, show_size


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed merge`."""
    add = parser.add_argument
    add(
        "a", type=Path, metavar="A", help="the first model (t = 0); the output has its tensor types"
    )
    add("b", type=Path, metavar="B", help="the second model (t = 1)")
    add("--t", type=float, required=True, help="how far to go from A to B, 0 to 1")
    add("-o", "--out", type=Path, required=True, help="the file to write")
    add("--method", choices=list(METHODS), default="linear", help="default: linear")
    add("--threads", type=int, default=usable_cores(), metavar="N", help="default: all cores")
    add(
        "--max-ram",
        metavar="SIZE",
        help="cap on the buffers, such as 500M (default: about 2 MiB a thread)",
    )
    add("--dry-run", action="store_true", help="print every step and stop")
    add("--force", action="store_true", help="replace the output if it exists")


def run(args: argparse.Namespace) -> int:
    """Plan, then print the plan or carry it out."""
    recipe = between(args.a, args.b, args.t, args.method)
    max_ram = parse_size(args.max_ram) if args.max_ram else None
    plan = plan_merge(recipe, args.out, max(1, args.threads), max_ram, args.force)
    if args.dry_run:
        print_plan(plan)
        return 0
    for note in plan.notes:
        print(note, file=sys.stderr)
    with progress_report(plan.weights) as report:
        result = run_plan(plan, report)
    print_result(result)
    return 0


def print_plan(plan: Plan) -> None:
    """One line a tensor on stdout, then what the whole will take."""
    for step in plan.steps:
        types = " + ".join(source.type.name for source in step.sources)
        shape = " x ".join(str(n) for n in step.sources[0].shape)
        how = f"{step.action} ({step.method})" if step.action == "blend" else step.action
        print(
            f"{how:16} {step.name:32} {shape:>16}  "
            f"{types} -> {step.type.name}  {step.nbytes:,} bytes"
        )
    actions = Counter(step.action for step in plan.steps)
    print(", ".join(f"{n} to {action}" for action, n in actions.items()))
    print(f"output: {plan.layout.total_bytes:,} bytes ({show_size(plan.layout.total_bytes)})")
    print(f"buffers: {show_size(plan.buffers.nbytes)} for {plan.buffers.threads} threads")
    for note in plan.notes:
        print(note)


def print_result(result: Result) -> None:
    """What was written and how fast, on stderr."""
    rate = result.weights / max(result.seconds, 1e-9) / 1e6
    print(
        f"{result.out}: {show_size(result.nbytes)}, {result.weights / 1e6:,.1f} M weights in "
        f"{result.seconds:.1f} s ({rate:,.0f} M/s), synced in {result.sync_seconds:.1f} s",
        file=sys.stderr,
    )
    if result.rows_kept:
        print(
            f"{result.rows_kept:,} rows are the same in both models and kept as they are",
            file=sys.stderr,
        )


class Rate(ProgressColumn):
    """Million weights per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{(task.speed or 0.0) / 1e6:,.0f} M weights/s")


class Memory(ProgressColumn):
    """Resident memory of this process."""

    def render(self, task: Task) -> Text:
        return Text(show_size(resident_bytes()))


@contextmanager
def progress_report(total: int) -> Iterator[Report | None]:
    """A bar on stderr when that is a terminal; otherwise only the words about compiling."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: say_compiling(done)
        return
    columns = (TextColumn("merging"), BarColumn(), Rate(), TimeRemainingColumn(), Memory())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("merge", total=total)

        def report(done: Done) -> None:
            if done.compiling:
                bar.console.print(f"compiling {done.compiling}, once")
            bar.update(task, completed=done.done)

        yield report


def say_compiling(done: Done) -> None:
    """The only progress that a log file needs: why the first run starts slowly."""
    if done.compiling:
        print(f"compiling {done.compiling}, once", file=sys.stderr)
