"""Computes a task's figures from its outcomes, in all and by group, and compares two models."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgemed.errors import Refused
from edgemed.evals.examining import Outcome
from edgemed.evals.intervals import Interval, bounded, resampled_sums
from edgemed.evals.measures import SPREADS, figure_of, measured, spread_of
from edgemed.evals.paired import Compared, compared, holm
from edgemed.evals.results import read_results, rules_of
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task

COMPOSITE = ("rouge1", "rouge2", "rougeL", "bleu", "meteor-stems")
COMPOSITE_NAME = "composite 1"
"""The mean of these figures of one task. Its number changes with its parts; it is shown beneath
them, never alone, and no sweep chooses by it."""


class Figure(NamedTuple):
    """A measure over the items of a task, or of one of its groups."""

    measure: str
    group: str
    value: Interval
    items: int


class ComparedMeasure(NamedTuple):
    """A measure of two models, with its p after Holm's correction over all measures."""

    task: str
    measure: str
    found: Compared
    p: float


def figures(task: Task, items: Sequence[Item], outcomes: Sequence[Outcome]) -> list[Figure]:
    """Every measure of the task; then of each group, where a task shows its groups."""
    found = list(figures_of("", outcomes))
    if not task.table.get("synthetic") and (whole := composite(outcomes)) is not None:
        found.append(whole)
    if task.table.get("grouped"):
        for group in dict.fromkeys(item.group for item in items):
            part = [o for i, o in zip(items, outcomes, strict=True) if i.group == group]
            found += figures_of(group, part)
    return found


def composite(outcomes: Sequence[Outcome]) -> Figure | None:
    """The mean of the parts' figures; None for a task that lacks one of them."""
    if not set(COMPOSITE) <= set(outcomes[0].scores):
        return None
    drawn = []
    for measure in COMPOSITE:
        rows = [outcome.scores[measure] for outcome in outcomes]
        sums = resampled_sums(list(zip(*rows, strict=True)))
        whole = np.array(rows, np.float64).sum(axis=0, keepdims=True)
        drawn.append(figure_of(measure, np.concatenate([whole, sums])))
    means = np.mean(drawn, axis=0)
    return Figure(COMPOSITE_NAME, "", bounded(float(means[0]), means[1:]), len(outcomes))


def figures_of(group: str, outcomes: Sequence[Outcome]) -> Iterator[Figure]:
    """The figures of some outcomes."""
    for measure in outcomes[0].scores:
        rows = [outcome.scores[measure] for outcome in outcomes]
        if measure in SPREADS:
            for name, spread in spread_of(measure, rows).items():
                yield Figure(name, group, spread, len(outcomes))
            continue
        value = measured(measure, rows)
        if value is not None:
            yield Figure(measure, group, value, len(outcomes))


def other_outcomes(path: Path, task: Task, items: Sequence[Item]) -> list[Outcome]:
    """The outcomes of another model on the same items. Refused if its file lacks some of them."""
    if not path.is_file():
        raise Refused(f"there is no {path}", "evaluate that model first, on the same tasks")
    identity, found = read_results(path)
    if (identity.get("task"), identity.get("split")) != (task.name, task.split.name):
        raise Refused(
            f"{path} holds results of another task", "name the folder of a model's results"
        )
    if any(identity.get(name) != digest for name, digest in rules_of(task).items()):
        raise Refused(
            f"{path} holds results by other rules of the checks",
            "evaluate that model again with this version, in another folder",
        )
    lacking = sum(found.get(item.key, ("",))[0] != item.digest for item in items)
    if lacking:
        raise Refused(
            f"{path} lacks {lacking} of these {len(items)} items",
            "evaluate that model with the same data, limit and seed, or a higher limit",
        )
    return [found[item.key][1] for item in items]


def verdicts(
    pairs: Mapping[str, tuple[Sequence[Outcome], Sequence[Outcome]]],
) -> list[ComparedMeasure]:
    """Our outcomes beside theirs by task: every measure, with p corrected over all of them."""
    found = {
        (task, measure): compared(
            measure, [o.scores[measure] for o in ours], [o.scores[measure] for o in theirs]
        )
        for task, (ours, theirs) in pairs.items()
        for measure in ours[0].scores
        if measure not in SPREADS
    }
    raised = holm({f"{task} {measure}": one.p for (task, measure), one in found.items()})
    return [
        ComparedMeasure(task, measure, one, raised[f"{task} {measure}"])
        for (task, measure), one in found.items()
    ]
