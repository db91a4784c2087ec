"""The floor of a task: the score that needs no skill.

Multiple choice: chance. A written answer: the first k words of the text to summarize, k the median
length of the references. Instructions: the prompt itself as the answer.
"""

from collections.abc import Sequence
from statistics import median

from edgemed.evals.measures import Counts
from edgemed.evals.scoring import followed, written
from edgemed.evals.tasks.items import AnswerOptions, Item
from edgemed.evals.tasks.task import Task

FLOORS = {
    "write": "the first words of the source",
    "follow": "the prompt as the answer",
    "choose": "chance",
    "reason": "chance",
}
"""What the floor is, by kind of task."""


def floor_of(task: Task, items: Sequence[Item], measure: str) -> list[Counts]:
    """The counts of `measure` at the floor, item by item."""
    length = lead_length(items) if task.kind == "write" else 0
    return [free(task, item, measure, length) for item in items]


def free(task: Task, item: Item, measure: str, length: int) -> Counts:
    """One item's."""
    if isinstance(item.wanted, AnswerOptions):
        return 1 / len(item.wanted.texts), 1.0
    if isinstance(item.wanted, str):
        return written(task, item, lead(item, length), (measure,))[measure]
    return followed(item.wanted, item.fields["prompt"])[measure]


def lead(item: Item, words: int) -> str:
    """The first words of what the model reads."""
    source = item.source or max(item.fields.values(), key=len)
    return " ".join(source.split()[:words])


def lead_length(items: Sequence[Item]) -> int:
    """k: the median length of the references in words."""
    return max(1, round(median(len(str(item.wanted).split()) for item in items)))
