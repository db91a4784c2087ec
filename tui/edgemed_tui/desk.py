"""What a session screen works with: the models of this machine, and who writes the log.

The screen asks a `Desk`, not the disk, so that a test can put a scripted model on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from edgemed_models.base import Model


class ModelChoice(NamedTuple):
    """One model that can be opened: its name, a word about it, and its content's hash."""

    name: str
    about: str
    hash: str = ""
    demonstration: bool = False


def now() -> str:
    """The present moment in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Desk:
    """How to list and open models, and what time it is."""

    models: Callable[[], Sequence[ModelChoice]]
    open_model: Callable[[ModelChoice], Model]
    clock: Callable[[], str] = field(default=now)
