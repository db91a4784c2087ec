"""What `edgemed merge` prints: the plan, how far the work is, what came of it."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from edgemed.cli.progress import progress_bar
from edgemed.local_models.process_memory import resident_bytes
from edgemed.merging.plan.plan import Plan, Step
from edgemed.merging.run import estimate
from edgemed.merging.run.journal import can_go_on
from edgemed.merging.run.run import Meter, Progress, Report, Result, compile_kernels
from edgemed.printable import printable
from edgemed.storage.output import journal_of
from edgemed.storage.sizes import show_size


def print_plan(plan: Plan) -> None:
    """One line a tensor on stdout, then what the whole will take."""
    print_lines(step_line(plan, step) for step in plan.steps)
    print_lines(totals(plan))
    with progress_report(plan.weights) as report:
        compile_kernels(plan, Meter(plan.weights, report))
    print_lines(costs(plan))
    print_lines(map(printable, plan.notes))


def print_lines(lines: Iterable[str]) -> None:
    """Each on a line of stdout."""
    for line in lines:
        print(line)


def step_line(plan: Plan, step: Step) -> str:
    """What is done to a tensor, from which types to which, in how many bytes."""
    types = " + ".join(source.type.name for source in step.sources)
    shape = " x ".join(str(n) for n in step.sources[0].shape)
    how = f"{step.action} ({step.method})" if step.action == "blend" else step.action
    weighed = "  columns weighed" if step.importances is not None else ""
    return (
        f"{how:16} {printable(step.name):32} {shape:>16}  "
        f"{types} -> {step.type.name}  {step.nbytes:,} bytes  "
        f"{estimate.chunks(plan, step)} chunk(s){weighed}"
    )


def totals(plan: Plan) -> Iterator[str]:
    """Tensors by what is done to them, importance matrices, the output and the buffers."""
    actions = Counter(step.action for step in plan.steps)
    yield ", ".join(f"{n} to {action}" for action, n in actions.items())
    for path, sha256 in zip(plan.recipe.imatrix, plan.imatrix, strict=True):
        weighed = sum(step.importances is not None for step in plan.steps)
        name = printable(path.name)
        yield f"importance matrix: {name}, sha256 {sha256}, {weighed} tensors weighed"
    total, shards = plan.placement.total_bytes, plan.placement.shards
    files = f" in {len(shards)} files" if len(shards) > 1 else ""
    yield f"output: {total:,} bytes ({show_size(total)}){files}"
    yield f"buffers: {show_size(plan.buffers.nbytes)} for {plan.buffers.threads} threads"


def costs(plan: Plan) -> Iterator[str]:
    """Memory and time; rates are measured now, with the kernels that are compiled."""
    yield (
        f"memory: about {show_size(resident_bytes() + plan.buffers.nbytes)} at most, "
        "this process and its buffers"
    )
    yield (
        f"time: about {estimate.seconds(plan):,.1f} s of computing, from rates measured just now; "
        "a slow disk takes longer"
    )


def begun_before(out: Path, resume: bool) -> Iterator[str]:
    """What becomes of an earlier attempt, and why a resumable merge begins with reading."""
    if can_go_on(out) and not resume:
        yield "an unfinished merge is begun anew; --resume would go on with it"
    elif resume and journal_of(out).is_file() and not can_go_on(out):
        yield "the unfinished merge was made without --resume, so it is begun anew"
    if resume:
        yield "reading every byte of the inputs first, to know them again"


def print_result(result: Result) -> None:
    """What was written and how fast, on stderr."""
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
            f"{result.rows_kept:,} rows are the same in both models and kept as they are",
            file=sys.stderr,
        )


def fact_lines(result: Result) -> Iterator[str]:
    """What the method found, over all tensors: least, median, most."""
    names = dict.fromkeys(name for facts in result.facts.values() for name in facts)
    for name in names:
        found = [facts[name] for facts in result.facts.values() if name in facts]
        yield (
            f"{name}: median {median(found):.3g}, from {min(found):.3g} to {max(found):.3g} "
            f"({len(found)} tensors)"
        )


@contextmanager
def progress_report(total: int) -> Iterator[Report]:
    """What a merge reports, shown on stderr."""
    with progress_bar("merging", total) as (show, say):

        def report(done: Progress) -> None:
            if done.compiling:
                say(done.compiling)
            show(done.done)

        yield report
