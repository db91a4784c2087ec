"""A medical task as data: what it is about, who asks, what kind it is, how hard, and its text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from edgemed.training.examples import asked_of

LABELS = ("topic", "view", "type")
"""The fields that say what a task is, besides its difficulty; `view` is who asks."""
DIFFICULTIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class InstructionTask:
    """`difficulty` from 1 (easy) to 5 (hard); `input` is empty where the task needs none."""

    topic: str
    view: str
    type: str
    difficulty: int
    instruction: str
    input: str = ""

    @property
    def asked(self) -> str:
        """The task as a model is asked it, and as `adapt` learns it."""
        return asked_of(self.instruction, self.input)


class Seed(NamedTuple):
    """A task that a person wrote; `id` names it in the tasks made from it."""

    id: str
    task: InstructionTask


Row = Mapping[str, Any]
"""A task with its answer and where both come from, as a line of a file."""
