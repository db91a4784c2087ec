"""Examples of a sweep: what the tested points answer to a few items, for a page that may hold text.

Only where the user asks for them. The answers are asked again, and stay in memory until the page
is written; no file of results and no JSON holds them.
"""

from collections.abc import Mapping, Sequence

from edgemed.evals.answers import texts
from edgemed.evals.evaluate import planned
from edgemed.evals.examining import WRITING, request_of
from edgemed.evals.sweeping.point import At, said
from edgemed.evals.sweeping.points import Points
from edgemed.evals.sweeping.task_sweep import AnsweredItem
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task


def examples(
    points: Points, tested: Mapping[str, At], items: Mapping[str, Sequence[Item]], count: int
) -> list[AnsweredItem]:
    """The first `count` items of every written task, with the answers of the `tested`."""
    shown = [
        (section.test, items[section.test.name][:count])
        for section in points.plan.sections
        if section.test.kind in WRITING
    ]
    answers = {name: answered(points, point, shown) for name, point in tested.items()}
    return [
        example_of(task, item, {name: found[task.name][n] for name, found in answers.items()})
        for task, some in shown
        for n, item in enumerate(some)
    ]


def example_of(task: Task, item: Item, answers: Mapping[str, str]) -> AnsweredItem:
    """One item with its answers."""
    question = request_of(task, item).messages[-1].content
    reference = item.wanted.strip() if isinstance(item.wanted, str) else ""
    return AnsweredItem(task, question, reference, answers)


def answered(
    points: Points, point: At, shown: Sequence[tuple[Task, Sequence[Item]]]
) -> dict[str, list[str]]:
    """The answers of one point by task, in the order of the items."""
    found = {}
    with points.made(point):
        for task, items in shown:
            points.listener.at_work(said(point), f"{task.name}: examples")
            settings = planned(points.point(point), task, items)
            requests = [request_of(task, item) for item in items]
            places = [item.where for item in items]
            found[task.name] = texts(settings, places, requests, lambda done, total: None)
    return found
