"""A training run to its end: when losses are taken, when the state is saved, how far it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from edgemed.training.adapt import CurvePoint, Training, TrainingState

Rest = Callable[[Callable[[], None]], float]
"""Waits while the machine is needed for something else, after calling what saves the state;
returns the seconds that it waited."""
SAVED_EVERY = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """How far a run has come. `loss` of the last batch; `left` in seconds."""

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    left: float


def never(save: Callable[[], None]) -> float:
    """The `rest` of a run that never waits."""
    return 0.0


def train(
    training: Training,
    save: Callable[[TrainingState], None],
    show: Callable[[TrainingProgress], None],
    say: Callable[[CurvePoint], None],
    saved_every: float = SAVED_EVERY,
    rest: Rest = never,
) -> None:
    """Run to the end. `save` takes the state about every `saved_every` seconds and at a stop.

    `rest` is asked before every step; it may wait as long as it likes.
    """
    began = saved = time.monotonic()
    done, left = (
        0,
        sum(training.lengths[n] for b in training.batches[training.state.step :] for n in b),
    )
    try:
        while True:
            if training.due:
                say(training.look())
            if training.over:
                return
            began += rest(lambda: save(training.snapshot()))
            loss = training.step()
            state = training.state
            before, left = left, training.tokens_from(state.step)
            done += before - left
            now = time.monotonic()
            rate = done / max(now - began, 1e-9)
            show(TrainingProgress(state.step, len(training.batches), loss, rate, left / rate))
            if now - saved >= saved_every:
                save(training.snapshot())
                saved = now
    except KeyboardInterrupt:
        if training.whole:
            save(training.snapshot())
        raise
