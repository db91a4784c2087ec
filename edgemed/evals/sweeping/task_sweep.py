"""A sweep on published tasks: what is swept and asked, and what it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.errors import UsageError
from edgemed.evals.examining import Outcome
from edgemed.evals.measures import measured
from edgemed.evals.sweeping.beside import Beside
from edgemed.evals.sweeping.broken import Surprise
from edgemed.evals.sweeping.choosing import CLINICAL, INSTRUCTIONS, Choice
from edgemed.evals.sweeping.scores import UNKNOWN_TRAINING
from edgemed.evals.sweeping.sweep import Way
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task, read_task
from edgemed.local_models.loading import Options

ENDS = (0.0, 1.0)


class Section(NamedTuple):
    """One task of a sweep: its development split with items, if it has one, and its test split."""

    test: Task
    test_items: list[Item]
    development: Task | None
    development_items: list[Item]


@dataclass(frozen=True, slots=True)
class TaskSweep:
    """What a sweep on tasks does. `beside` is tested with the parents and the chosen merge;
    `control` is the seed of a change by chance that is tested too."""

    way: Way
    ts: tuple[float, ...]
    sections: Sequence[Section]
    options: Options
    folder: Path
    limit: int | None
    seed: int
    force_broken: bool = False
    beside: tuple[Beside, ...] = ()
    control: int | None = None


class Round(NamedTuple):
    """One round: the items of each task that every t has answered, and what came of it."""

    items: Mapping[str, int]
    ts: tuple[float, ...]
    choice: Choice | None


@dataclass(slots=True)
class Swept:
    """What a sweep came to. `tests`: by t and task, the outcomes on `test_items`; `beside`: by name
    of a row, the same."""

    surprise: Surprise | None = None
    rounds: list[Round] = field(default_factory=list)
    answers: dict[float, dict[str, list[Outcome]]] = field(default_factory=dict)
    tests: dict[float, dict[str, list[Outcome]]] = field(default_factory=dict)
    test_items: dict[str, list[Item]] = field(default_factory=dict)
    beside: dict[str, dict[str, list[Outcome]]] = field(default_factory=dict)
    stopped: str = ""

    @property
    def choice(self) -> Choice | None:
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
            "merge can lose its skills while multiple choice stands still",
        )


def choosing(plan: TaskSweep) -> list[tuple[Task, list[Item]]]:
    """The tasks that choose, with all their development items."""
    return [(s.development, s.development_items) for s in plan.sections if s.development]


def curve_rows(plan: TaskSweep, swept: Swept) -> list[dict[str, Any]]:
    """The points of the last round as lines of a sweep file, which the screen draws."""
    rows = []
    for t in swept.rounds[-1].ts if swept.rounds else ():
        axes = {}
        for task, _ in choosing(plan):
            measure = task.table["decides"]
            counts = [o.scores[measure] for o in swept.answers[t][task.name]]
            figure = measured(measure, counts)
            value = figure._asdict() if figure else {"value": 0.0, "low": 0.0, "high": 0.0}
            value["mean"] = value.pop("value")
            axes[f"{task.name} {measure}"[:40]] = value | {"items": len(counts)}
        rows.append(
            {"method": plan.way.method, "type": plan.way.options.get("--out-type", "like-a"),
             "t": t, "seed": UNKNOWN_TRAINING, "axes": axes}
        )  # fmt: skip
    return rows
