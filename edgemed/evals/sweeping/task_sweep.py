"""A sweep on published tasks, as data: what is swept and asked, and the results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import UsageError
from edgemed.evals.examining import Outcome
from edgemed.evals.measures import measured
from edgemed.evals.sweeping.broken import Surprise
from edgemed.evals.sweeping.choosing import CLINICAL, INSTRUCTIONS, ChosenPoint
from edgemed.evals.sweeping.point import At, ByRecipe, in_order, named
from edgemed.evals.sweeping.scores import UNKNOWN_TRAINING
from edgemed.evals.sweeping.sweep import Way
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task, read_task
from edgemed.local_models.loading import Options

ENDS = (0.0, 1.0)


class SweptTask(NamedTuple):
    """One task of a sweep: its development split with items, if it has one, and its test split."""

    test: Task
    test_items: list[Item]
    development: Task | None
    development_items: list[Item]


@dataclass(frozen=True, slots=True)
class TaskSweep:
    """What a sweep on tasks does. The point is chosen among `ts`, the recipes `among` and up to
    `search` merges with a t by group. `beside` is tested with the parents and the chosen merge;
    `control` is the seed of a random change that is tested too. `examples`: so many answers to
    each task are kept for the page."""

    way: Way
    ts: tuple[float, ...]
    sections: Sequence[SweptTask]
    options: Options
    folder: Path
    limit: int | None
    seed: int
    force_broken: bool = False
    beside: tuple[ByRecipe, ...] = ()
    control: int | None = None
    among: tuple[ByRecipe, ...] = ()
    search: int = 0
    examples: int = 0


class Round(NamedTuple):
    """One round: the items of each task that every point has answered, and their outcomes.
    `searched`: points were added by the results of the earlier ones."""

    items: Mapping[str, int]
    points: tuple[At, ...]
    choice: ChosenPoint | None
    searched: bool = False


class AnsweredItem(NamedTuple):
    """One item: the question, the reference (empty where instructions are verified) and the
    answers, by point."""

    task: Task
    question: str
    reference: str
    answers: Mapping[str, str]


@dataclass(slots=True)
class Swept:
    """The results of a sweep. `tests`: by point and task, the outcomes on `test_items`; `beside`:
    by name of a row, the same."""

    surprise: Surprise | None = None
    rounds: list[Round] = field(default_factory=list)
    answers: dict[At, dict[str, list[Outcome]]] = field(default_factory=dict)
    tests: dict[At, dict[str, list[Outcome]]] = field(default_factory=dict)
    test_items: dict[str, list[Item]] = field(default_factory=dict)
    beside: dict[str, dict[str, list[Outcome]]] = field(default_factory=dict)
    examples: list[AnsweredItem] = field(default_factory=list)
    stopped: str = ""

    @property
    def choice(self) -> ChosenPoint | None:
        """The choice of the last round."""
        return self.rounds[-1].choice if self.rounds else None


def development_of(task: Task) -> Task | None:
    """The task with its development split; None for one that has none."""
    name = task.table.get("development")
    return read_task(f"{task.name}:{name}") if name else None


def refuse_axes(tasks: Sequence[Task], force_knowledge: bool) -> None:
    """UsageError unless t can be chosen by tasks of a clinical and of an instruction axis."""
    axes = {task.axis for task in tasks if development_of(task) is not None}
    lacking = {CLINICAL, INSTRUCTIONS} - axes
    if lacking and not (force_knowledge and axes):
        raise UsageError(
            f"t would be chosen without a task of the axis {' and '.join(sorted(lacking))}",
            "name one (`edgemed eval --list`), or choose t by the tasks named: a "
            "merge can lose its skills while multiple-choice scores stay the same",
        )


def choosing(plan: TaskSweep) -> list[tuple[Task, list[Item]]]:
    """The tasks that choose, with all their development items."""
    return [(s.development, s.development_items) for s in plan.sections if s.development]


def point_rows(plan: TaskSweep, swept: Swept) -> Iterator[tuple[At, dict[str, Any]]]:
    """The points of the last round, with every task's deciding measure by axis."""
    for point in in_order(swept.rounds[-1].points) if swept.rounds else ():
        axes = {}
        for task, _ in choosing(plan):
            measure = task.table["decides"]
            counts = [o.scores[measure] for o in swept.answers[point][task.name]]
            figure = measured(measure, counts)
            value = figure._asdict() if figure else {"value": 0.0, "low": 0.0, "high": 0.0}
            value["mean"] = value.pop("value")
            axes[f"{task.name} {measure}"[:40]] = value | {"items": len(counts)}
        yield point, axes


def curve_rows(plan: TaskSweep, swept: Swept) -> list[dict[str, Any]]:
    """Those with one t as lines of a sweep file, which the screen draws."""
    kind = plan.way.options.get("--out-type", "like-a")
    return [
        {"method": plan.way.method, "type": kind, "t": t, "seed": UNKNOWN_TRAINING, "axes": axes}
        for t, axes in point_rows(plan, swept)
        if not isinstance(t, ByRecipe)
    ]


def development_rows(plan: TaskSweep, swept: Swept) -> list[dict[str, Any]]:
    """All of them for the report; `t` is None for what a recipe makes."""
    return [named(point) | {"axes": axes} for point, axes in point_rows(plan, swept)]
