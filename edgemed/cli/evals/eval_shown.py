"""What `edgemed eval` prints: the tasks, the figures of each, and two models beside each other."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from edgemed.amounts import amount
from edgemed.evals.examining import READING, Outcome
from edgemed.evals.figures import ComparedMeasure, Figure
from edgemed.evals.intervals import FEW, Interval
from edgemed.evals.measures import UNITS
from edgemed.evals.tasks.task import Task
from edgemed.tables import Table

RARE = 0.05


def listed(tasks: Iterable[Task]) -> Table:
    """The tasks: what they are, and their splits; the first split is the default."""
    rows = [
        (t.name, t.axis, t.title, splits_of(t), ", ".join(t.metrics), t.licence, t.source)
        for t in tasks
    ]
    return Table(("task", "axis", "what it is", "splits", "metrics", "licence", "files from"), rows)


def splits_of(task: Task) -> str:
    """The splits, the default first."""
    return ", ".join([task.split.name, *(name for name in task.splits if name != task.split.name)])


def table_of(task: Task, found: Sequence[Figure]) -> Table:
    """The figures of a task, times 100."""
    rows = [
        (f"{f.measure}{f' ({f.group})' if f.group else ''}", cell(f), str(f.items)) for f in found
    ]
    return Table((f"{task.name}, {task.split.name}", ">of 100 (95 % interval)", ">items"), rows)


def cell(figure: Figure) -> str:
    """A figure with its interval: times 100, or with its unit."""
    unit = UNITS.get(figure.measure)
    if unit is None:
        return spread(figure.value)
    value, low, high = (f"{number:.4g}" for number in figure.value)
    return f"{value} ({low} to {high}) {unit}"


def spread(figure: Interval) -> str:
    """A figure with its interval, times 100."""
    value, low, high = (f"{100 * number:.1f}" for number in figure)
    return f"{value} ({low} to {high})"


def cautions(task: Task, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What to know about the figures."""
    if task.kind not in ("choose", *READING):
        cut, tokens = sum(o.cut for o in outcomes), sum(o.tokens for o in outcomes)
        longest = amount(task.max_tokens, "token")
        each = amount(round(tokens / len(outcomes)), "token")
        yield f"answers cut at {longest}: {cut} of {len(outcomes)}; {each} per answer"
    if len(outcomes) < FEW:
        yield f"only {amount(len(outcomes), 'item')}; the intervals may be too narrow"
    if task.note:
        yield task.note


def differences(found: Sequence[ComparedMeasure]) -> Table:
    """Two models on the same items."""
    rows = [
        (
            v.task,
            v.measure,
            f"{scale(v.measure) * v.found.ours:.1f}",
            f"{scale(v.measure) * v.found.theirs:.1f}",
            f"{scale(v.measure) * v.found.difference:+.1f}",
            f"{v.found.p:.4f}",
            f"{v.p:.4f}",
        )
        for v in found
    ]
    return Table(("task", "measure", ">this", ">other", ">difference", ">p", ">p, corrected"), rows)


def scale(measure: str) -> int:
    """The factor by which a figure is shown."""
    return 1 if measure in UNITS else 100


def note_on(found: Sequence[ComparedMeasure]) -> str:
    """How many of the differences are more than chance."""
    real = sum(v.p < RARE for v in found)
    return (
        f"{real} of {len(found)} measures differ by more than chance (paired permutation test, "
        f"Holm's correction over all, p under {RARE})"
    )


def as_data(
    every: Sequence[tuple[Task, Sequence[Figure], Sequence[Outcome]]],
    compared: Sequence[ComparedMeasure],
) -> dict[str, Any]:
    """The figures for programs, from 0 to 1."""
    return {
        "tasks": [
            {
                "task": task.name,
                "split": task.split.name,
                "axis": task.axis,
                "items": len(outcomes),
                "cut": sum(o.cut for o in outcomes),
                "tokens": sum(o.tokens for o in outcomes),
                "figures": [
                    {"measure": f.measure, "group": f.group, "items": f.items} | f.value._asdict()
                    for f in found
                ],
            }
            for task, found, outcomes in every
        ],
        "against": [
            {"task": v.task, "measure": v.measure, "p_corrected": v.p} | v.found._asdict()
            for v in compared
        ],
    }
