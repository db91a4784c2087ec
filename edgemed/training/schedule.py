"""Order, batches and rates of a training run: plain numbers that depend on the seed alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

HELD, ORDER, POOL = 1, 2, 3  # streams of random numbers, one for each use of the seed

Batch = tuple[int, ...]
"""Numbers of the examples that are learned from in one step."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a user may set for a run; see `edgemed adapt --help`."""

    rank: int = 16
    alpha: float = 32.0
    matrices: str = "all"
    epochs: int = 3
    rate: float = 3e-4
    batch_tokens: int = 1024
    held_out: float = 0.1
    patience: int = 3
    seed: int = 0
    rslora: bool = False
    dora: bool = False
    shots: int | None = None
    bf16: bool = False

    @property
    def scale(self) -> float:
        """How much B A counts: alpha / rank, with rsLoRA alpha / sqrt(rank) (arXiv 2312.03732)."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)


def pool(count: int, shots: int, seed: int) -> tuple[int, ...]:
    """Numbers of `shots` of `count` examples, in order: a smaller pool is part of a larger one of
    the same seed."""
    shuffled = np.random.Generator(np.random.PCG64([seed, POOL])).permutation(count)
    return tuple(sorted(shuffled[:shots].tolist()))


def split(count: int, held_out: float, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Numbers of the examples to learn from, and of those held out; each in order.

    At least one is held out where a share is asked for, and at least one is learned from.
    """
    held = min(count - 1, max(1, round(count * held_out))) if held_out else 0
    shuffled = np.random.Generator(np.random.PCG64([seed, HELD])).permutation(count)
    return tuple(sorted(shuffled[held:].tolist())), tuple(sorted(shuffled[:held].tolist()))


def batches(numbers: Sequence[int], lengths: Sequence[int], most: int) -> list[Batch]:
    """`numbers` in batches of at most `most` tokens; a longer example is a batch of its own."""
    found: list[Batch] = []
    batch: list[int] = []
    tokens = 0
    for number in numbers:
        if batch and tokens + lengths[number] > most:
            found.append(tuple(batch))
            batch, tokens = [], 0
        batch.append(number)
        tokens += lengths[number]
    return [*found, tuple(batch)] if batch else found


def steps(
    numbers: Sequence[int], lengths: Sequence[int], settings: RunSettings
) -> tuple[list[Batch], frozenset[int]]:
    """All batches of all epochs, and the counts of steps after which the held-out loss is taken.

    That is in the middle and at the end of every epoch. Each epoch has its own order.
    """
    found: list[Batch] = []
    looks: set[int] = set()
    for epoch in range(settings.epochs):
        drawn = np.random.Generator(np.random.PCG64([settings.seed, ORDER, epoch]))
        order = [numbers[i] for i in drawn.permutation(len(numbers))]
        made = batches(order, lengths, settings.batch_tokens)
        looks |= {len(found) + (len(made) + 1) // 2, len(found) + len(made)}
        found += made
    return found, frozenset(looks)


def rate_at(step: int, total: int, highest: float) -> float:
    """The learning rate of step 0, 1, ...: a warm-up over the first twentieth, then half a
    cosine."""
    warm = max(1, total // 20)
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
