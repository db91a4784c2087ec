"""What `edgemed merge --dry-run` prints: every step, and what the merge will take."""

from collections import Counter
from collections.abc import Iterable, Iterator

from edgemed.amounts import amount
from edgemed.cli.merging.plans import progress_report
from edgemed.local_models.process_memory import resident_bytes
from edgemed.merging.plan.plan import Plan
from edgemed.merging.plan.steps import Step
from edgemed.merging.run import estimate
from edgemed.merging.run.progress import Meter
from edgemed.merging.run.run import compile_kernels
from edgemed.printable import printable
from edgemed.storage.sizes import show_size


def print_plan(plan: Plan) -> None:
    """One line for each tensor on stdout, then what the merge will take."""
    print_lines(step_line(plan, step) for step in plan.steps)
    print_lines(totals(plan))
    with progress_report(plan.weights) as report:
        compile_kernels(plan, Meter(plan.weights, report))
    print_lines(costs(plan))
    print_lines(map(printable, plan.notes))


def print_lines(lines: Iterable[str]) -> None:
    """Each step on a line of stdout."""
    for line in lines:
        print(line)


def step_line(plan: Plan, step: Step) -> str:
    """What happens to a tensor, from which types to which, in how many bytes."""
    types = " + ".join(source.type.name for source in step.sources)
    shape = " x ".join(str(n) for n in step.sources[0].shape)
    how = f"{step.action} ({step.method})" if step.action == "blend" else step.action
    weighed = "  columns weighted" if step.importances is not None else ""
    return (
        f"{how:16} {printable(step.name):32} {shape:>16}  "
        f"{types} -> {step.type.name}  {amount(step.nbytes, 'byte')}  "
        f"{estimate.chunks(plan, step)} chunk(s){weighed}"
    )


def totals(plan: Plan) -> Iterator[str]:
    """Tensors by what is done to them, importance matrices, the output and the buffers."""
    actions = Counter(step.action for step in plan.steps)
    yield ", ".join(f"{n} to {action}" for action, n in actions.items())
    for path, sha256 in zip(plan.recipe.imatrix, plan.imatrix, strict=True):
        weighed = sum(step.importances is not None for step in plan.steps)
        name = printable(path.name)
        yield f"importance matrix: {name}, sha256 {sha256}, {amount(weighed, 'tensor')} weighted"
    total, shards = plan.placement.total_bytes, plan.placement.shards
    files = f" in {amount(len(shards), 'file')}" if len(shards) > 1 else ""
    yield f"output: {amount(total, 'byte')} ({show_size(total)}){files}"
    yield f"buffers: {show_size(plan.buffers.nbytes)} for {amount(plan.buffers.threads, 'thread')}"


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
