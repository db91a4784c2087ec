"""Draws for each try three seed tasks to show, the kind of the new task, and two random seeds.

Everything follows from the run's seed and the number of the try by SHA-256, so a run that was
stopped continues as if it had not been, on every version of Python.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from edgemed.instructions.task import Seed

SHOWN = 3  # seeds in a prompt, as in AlpaCare
SAMPLING = (1 << 32) - 2  # llama.cpp's seeds are below this


class Draw(NamedTuple):
    """The seeds to show, in order, and the two numbers that sampling begins with."""

    shown: tuple[Seed, ...]
    task_seed: int
    answer_seed: int

    @property
    def difficulty(self) -> int:
        """The new task is as hard as the first seed shown."""
        return self.shown[0].task.difficulty

    @property
    def view(self) -> str:
        """The new task has the view of the second."""
        return self.shown[1].task.view

    @property
    def type(self) -> str:
        """The new task has the type of the last one, which is next to it in the prompt."""
        return self.shown[-1].task.type

    @property
    def with_input(self) -> bool:
        """Whether the new task has an input: if the last one has one."""
        return bool(self.shown[-1].task.input)


def draw(seeds: Sequence[Seed], seed: int, number: int) -> Draw:
    """The draw of try `number` (from 1) in a run that began with `seed`."""
    order = sorted(range(len(seeds)), key=lambda n: drawn(seed, number, f"shown {n}"))
    return Draw(
        tuple(seeds[n] for n in order[:SHOWN]),
        drawn(seed, number, "task") % SAMPLING,
        drawn(seed, number, "answer") % SAMPLING,
    )


def drawn(seed: int, number: int, what: str) -> int:
    """A number of 64 bits."""
    digest = hashlib.sha256(f"{seed} {number} {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
