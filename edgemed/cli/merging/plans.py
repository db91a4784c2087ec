"""What commands that write a model share: limits, running a plan, printing the result."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from edgemed.amounts import amount
from edgemed.cli.options.threads import threads_option
from edgemed.cli.terminal.progress import progress_bar
from edgemed.merging.plan.plan import Plan, Target
from edgemed.merging.run.journal import can_go_on
from edgemed.merging.run.progress import OnProgress, Progress
from edgemed.merging.run.run import MergeResult, run_plan
from edgemed.printable import printable
from edgemed.storage.output import journal_of
from edgemed.storage.sizes import parse_size, show_size


def limit_options(parser: argparse.ArgumentParser) -> None:
    """Threads, memory, and whether to go on where an earlier attempt stopped."""
    add = parser.add_argument
    threads_option(add)
    add(
        "--max-ram",
        metavar="SIZE",
        help="the most memory for buffers, such as 500M (default: about 10 MiB per thread)",
    )
    add(
        "--resume",
        action="store_true",
        help="go on with an unfinished output that was made with --resume, and keep this one if it "
        "stops; every byte of the inputs is read first, to see that they are unchanged",
    )


def target_of(args: argparse.Namespace, out: Path, replace: bool, split: bool = True) -> Target:
    """Where an output goes, under the limits that were given; `split`: that one may be split."""
    max_ram = parse_size(args.max_ram) if args.max_ram else None
    size = parse_size(args.split_max_size) if split and args.split_max_size else None
    return Target(out, max(1, args.threads), max_ram, replace, size, not args.no_fallback)


def carry_out(args: argparse.Namespace, plan: Plan, verb: str) -> None:
    """Print the notes, write the output, and print the result, on stderr."""
    for line in (*plan.notes, *begun_before(plan.out, args.resume)):
        print(printable(line), file=sys.stderr)
    with progress_report(plan.weights, verb) as report:
        result = run_plan(plan, report, args.resume, args.load_check)
    print_result(result)


def begun_before(out: Path, resume: bool) -> Iterator[str]:
    """Say what happens to an earlier attempt, and why a merge with --resume begins with reading."""
    if can_go_on(out) and not resume:
        yield "unfinished output found; starting over (--resume continues it)"
    elif resume and journal_of(out).is_file() and not can_go_on(out):
        yield "the unfinished output was made without --resume; starting over"
    if resume:
        yield "reading every byte of the inputs first, to check that they are unchanged"


def print_result(result: MergeResult) -> None:
    """What was written and how fast."""
    rate = result.weights / max(result.seconds, 1e-9) / 1e6
    print(
        f"{printable(str(result.out))}: {show_size(result.nbytes)}, "
        f"{result.weights / 1e6:,.1f} M weights in "
        f"{result.seconds:.1f} s ({rate:,.0f} M/s), synced in {result.sync_seconds:.1f} s",
        file=sys.stderr,
    )
    for line in fact_lines(result):
        print(line, file=sys.stderr)
    if result.rows_kept:
        print(
            f"copied, the same in all models: {amount(result.rows_kept, 'row')}",
            file=sys.stderr,
        )


def fact_lines(result: MergeResult) -> Iterator[str]:
    """What the method found, over all tensors: smallest, median, largest."""
    names = dict.fromkeys(name for facts in result.facts.values() for name in facts)
    for name in names:
        found = [facts[name] for facts in result.facts.values() if name in facts]
        yield (
            f"{name}: median {median(found):.3g}, from {min(found):.3g} to {max(found):.3g} "
            f"({amount(len(found), 'tensor')})"
        )


@contextmanager
def progress_report(total: int, verb: str = "merging") -> Iterator[OnProgress]:
    """What a run reports, shown on stderr."""
    with progress_bar(verb, total) as (show, say):

        def report(done: Progress) -> None:
            if done.compiling:
                say(done.compiling)
            show(done.done)

        yield report
