"""The result of a sweep on tasks, as plain data: for tables, for JSON and for the page."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from edgemed.evals.examining import Outcome
from edgemed.evals.figures import figures, verdicts
from edgemed.evals.harness_form import ScoredTask, harness_form
from edgemed.evals.sweeping.budget import Clock
from edgemed.evals.sweeping.choosing import KEPT, RULE, ChosenPoint, KeptShare, kept_of
from edgemed.evals.sweeping.floors import FLOORS, floor_of
from edgemed.evals.sweeping.point import ODD, ByRecipe, in_order, named, plain
from edgemed.evals.sweeping.task_sweep import ENDS, Swept, TaskSweep, development_rows
from edgemed.evals.tasks.task import Task

SURE = 0.05


class Retained(NamedTuple):
    """What the chosen merge keeps of a task's deciding measure on the test split.

    `p`: the smaller one of its two tests against the parents, Holm-corrected over all tasks.
    """

    task: Task
    measure: str
    items: int
    kept: KeptShare
    verdict: str


def retained(plan: TaskSweep, swept: Swept) -> list[Retained]:
    """Every task of the test. Empty if a parent was not swept, or was chosen."""
    choice = swept.choice
    if choice is None or not {*ENDS, choice.point} <= set(swept.tests) or choice.point in ENDS:
        return []
    rows = []
    for section in plan.sections:
        task, measure = section.test, section.test.table["decides"]
        items = swept.test_items[task.name]
        ours, a, b = (
            [o.scores[measure] for o in swept.tests[t][task.name]] for t in (choice.point, *ENDS)
        )
        kept = kept_of(measure, ours, a, b, floor_of(task, items, measure))
        rows.append(Retained(task, measure, len(items), kept, verdict_on(kept)))
    return rows


def verdict_on(kept: KeptShare) -> str:
    """Kept, an alarm, or undecided, in words."""
    if kept.share is None:
        return "no parent is above the floor"
    if not kept.decided:
        return f"undecided ({'alarm' if kept.alarm else 'kept'}, but the interval includes {KEPT})"
    return "ALARM" if kept.alarm else "kept"


def beside_parents(swept: Swept) -> list[dict[str, Any]]:
    """The chosen merge and each parent on every measure of the test: paired tests, with Holm's
    correction over all measures of all tasks."""
    choice = swept.choice
    if choice is None or choice.point in ENDS or choice.point not in swept.tests:
        return []
    rows: list[dict[str, Any]] = []
    pairs: dict[str, tuple[Sequence[Outcome], Sequence[Outcome]]] = {
        f"{task} against t={t:g}": (ours, swept.tests[t][task])
        for t in ENDS
        if t in swept.tests
        for task, ours in swept.tests[choice.point].items()
    }
    for one in verdicts(pairs):
        task, _, parent = one.task.partition(" against t=")
        rows.append(
            {
                "task": task,
                "parent": float(parent),
                "measure": one.measure,
                "p_corrected": one.p,
                "differs": one.p < SURE,
                **one.found._asdict(),
            }
        )
    return rows


def rows_beside(plan: TaskSweep, swept: Swept) -> list[dict[str, Any]]:
    """Every row beside the merge on every measure, on the same items as the merge: paired tests,
    with Holm's correction over all of them."""
    choice = swept.choice
    if choice is None or choice.point not in swept.tests or not swept.beside:
        return []
    titles = {(name, task): f"{task} beside {name}" for name, by_task in swept.beside.items()
              for task in by_task}  # fmt: skip
    pairs = {
        title: (swept.tests[choice.point][task], swept.beside[name][task])
        for (name, task), title in titles.items()
    }
    named = {title: where for where, title in titles.items()}
    rows: list[dict[str, Any]] = []
    for one in verdicts(pairs):
        name, task = named[one.task]
        rows.append(
            {"row": name, "task": task, "measure": one.measure, "merge": one.found.ours,
             "value": one.found.theirs, "difference": one.found.difference, "p": one.found.p,
             "items": one.found.items, "p_corrected": one.p, "differs": one.p < SURE}
        )  # fmt: skip
    return rows


def tables_of(plan: TaskSweep, swept: Swept) -> dict[str, list[dict[str, Any]]]:
    """Every measure of every point of the test, by task."""
    return {
        section.test.name: [
            named(point)
            | {"measure": f.measure, "group": f.group, "items": f.items}
            | f.value._asdict()
            for point in in_order(swept.tests)
            for f in figures(
                section.test,
                swept.test_items[section.test.name],
                swept.tests[point][section.test.name],
            )
        ]
        for section in plan.sections
        if swept.tests
    }


def in_harness_form(plan: TaskSweep, swept: Swept) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every tested point and row by a name for its file, as lm-evaluation-harness writes results.

    Its "original" number of items is that of the sample which the sweep drew.
    """
    method = plan.way.method
    points = {
        point.folder if isinstance(point, ByRecipe) else f"{method}-{point:g}": by_task
        for point, by_task in swept.tests.items()
    }
    rows = {ODD.sub("-", f"beside-{name}"): by_task for name, by_task in swept.beside.items()}
    for name, by_task in (points | rows).items():
        answered = [
            ScoredTask(s.test, by_task[s.test.name], len(s.test_items)) for s in plan.sections
        ]
        yield name, harness_form(name, answered)


def as_data(plan: TaskSweep, swept: Swept, clock: Clock, command: str) -> dict[str, Any]:
    """Everything, for programs; scores from 0 to 1."""
    choice = swept.choice
    return {
        "models": [plan.way.a.name, plan.way.b.name],
        "method": plan.way.method,
        "seed": plan.seed,
        "limit": plan.limit,
        "seconds": round(clock.spent, 1),
        "seconds_a_merge": measured_mean(clock.merges),
        "seconds_an_item": {name: measured_mean(found_) for name, found_ in clock.items.items()},
        "parents_perplexity_on_plain_english": swept.surprise and swept.surprise._asdict(),
        "rounds": [
            {
                "items": dict(part.items),
                "t": [plain(point) for point in part.points],
                "chosen": part.choice and plain(part.choice.point),
            }
            for part in swept.rounds
        ],
        "development": development_rows(plan, swept),
        "rule": RULE,
        "chosen": chosen_data(choice),
        "stopped": swept.stopped,
        "test": tables_of(plan, swept),
        "retention": [retained_data(row) for row in retained(plan, swept)],
        "against_parents": beside_parents(swept),
        "beside": rows_beside(plan, swept),
        "make": command if choice is not None else None,
    }


def measured_mean(pair: Sequence[float]) -> float | None:
    """Seconds for one, to a hundredth; None where nothing was measured."""
    return round(pair[0] / pair[1], 2) if pair[1] else None


def chosen_data(choice: ChosenPoint | None) -> dict[str, Any] | None:
    """The choice for programs."""
    if choice is None:
        return None
    return {
        **named(choice.point),
        "axis": choice.axis,
        "share": choice.share,
        "undecided_with": [plain(point) for point in choice.like],
        "ignored_tasks": list(choice.silent),
        "kept": [named(point) | {"axes": dict(axes)} for point, axes in choice.kept.items()],
    }


def retained_data(row: Retained) -> dict[str, Any]:
    """A row of what was kept for programs."""
    share = row.kept.share
    return {
        "task": row.task.name,
        "split": row.task.split.name,
        "axis": row.task.axis,
        "measure": row.measure,
        "items": row.items,
        "merge": row.kept.ours,
        "better_parent": row.kept.parent,
        "floor": row.kept.floor,
        "floor_is": FLOORS[row.task.kind],
        "kept": share and share._asdict(),
        "verdict": row.verdict,
    }
