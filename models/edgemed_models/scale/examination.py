"""Held-out items on three axes, and the score of an answer to each.

clinical      a summary on plain lines: F1 of its facts
instruction   an instruction on everyday text: 1 if followed exactly, else 0
composite     a clinical summary in a demanded format, which no parent was trained on: F1 of its
              facts, 0 if it does not have the format
unseen        a clinical task of which no model has seen an example, for few-shot tuning
"""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from .clinical_tasks import CLINICAL_KINDS, UNSEEN_KIND, clinical_item
from .instructions import composite_score, draw_composite, draw_instruction, score
from .items import Item, fact_f1
from .patients import Split

AXES = ("clinical", "instruction", "composite")


class Question(NamedTuple):
    """An item, and the score of an answer to it, 0 to 1."""

    item: Item
    worth: Callable[[str], float]


def questions(axis: str, count: int, seed: int, split: Split = "test") -> list[Question]:
    """`count` items of `axis`, the same for the same seed; clinical kinds take turns."""
    rng = Random(f"{split}/{axis}/{seed}")
    return [ASK[axis](rng, CLINICAL_KINDS[n % len(CLINICAL_KINDS)], split) for n in range(count)]


def ask_clinical(rng: Random, kind: str, split: Split) -> Question:
    """A clinical task without a demanded format."""
    item = clinical_item(rng, kind, split)
    return Question(item, lambda answer: fact_f1(tuple(answer.split("\n")), item.lines))


def ask_instruction(rng: Random, _: str, split: Split) -> Question:
    """An instruction on everyday text."""
    demand = draw_instruction(rng, split)
    return Question(demand.item, lambda answer: score(demand, answer))


def ask_composite(rng: Random, kind: str, split: Split) -> Question:
    """A clinical task with a demanded format."""
    demand = draw_composite(rng, kind, split)
    return Question(demand.item, lambda answer: composite_score(demand, answer))


def ask_unseen(rng: Random, _: str, split: Split) -> Question:
    """The clinical task that is left out of every training run except the few-shot ones."""
    return ask_clinical(rng, UNSEEN_KIND, split)


ASK = {
    "clinical": ask_clinical,
    "instruction": ask_instruction,
    "composite": ask_composite,
    "unseen": ask_unseen,
}
