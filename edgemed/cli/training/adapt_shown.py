"""What `edgemed adapt` prints while it works."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from edgemed.amounts import amount
from edgemed.training.encoded import Data

if TYPE_CHECKING:  # needs torch
    from edgemed.training.adapt import CurvePoint, Training
    from edgemed.training.loop import TrainingProgress

SECONDS_BETWEEN_LINES = 30.0


def tell_plan(data: Data, training: "Training") -> None:
    """Print what will be done, before it begins."""
    drawn = data.about.get("drawn_from")
    print(
        f"{amount(len(training.learned), 'example')} to learn from, {len(training.held)} held out"
        + (f", of {drawn:,}" if drawn else "")
        + f", {data.left_out} left out (over {amount(data.longest, 'token')})\n"
        f"{amount(training.weights, 'weight')} beside "
        f"{amount(len(training.paths), 'matrix', 'matrices')}, "
        f"{amount(len(training.batches), 'step')} "
        f"of {amount(training.tokens_from(0), 'token')} in all",
        file=sys.stderr,
    )


def tell(line: str) -> None:
    """Print a line beside the progress."""
    print(line, file=sys.stderr, flush=True)


def tell_look(point: "CurvePoint") -> None:
    """Losses at a step, a line each."""
    said = [] if point.learned is None else [f"learned from {point.learned:.4f}"]
    said += [] if point.held is None else [f"held out {point.held:.4f}"]
    if said:
        print(f"step {point.step}: loss {', '.join(said)}", file=sys.stderr)


def shower() -> Callable[["TrainingProgress"], None]:
    """What prints how far a run is, not too often."""
    shown = time.monotonic()

    def show(progress: "TrainingProgress") -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= SECONDS_BETWEEN_LINES:
            shown = now
            print(
                f"step {progress.step} of {progress.steps}: loss {progress.loss:.4f}, "
                f"{progress.tokens_per_second:,.0f} tokens/s, "
                f"at most {progress.left / 60:.0f} min left",
                file=sys.stderr,
            )

    return show
