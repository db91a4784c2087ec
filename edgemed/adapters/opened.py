"""An adapter that was opened: what it says about itself, and what it changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgemed.adapters.change import Change


@dataclass(frozen=True, slots=True)
class OpenedAdapter:
    """`changes` by the name of the model's tensor. `architecture` and `base` are empty if the
    adapter does not state them. `tied`: a head that is the embedding changes with it."""

    name: str
    form: str
    files: tuple[Path, ...]
    architecture: str
    base: str
    changes: Mapping[str, tuple[Change, ...]]
    tied: bool = False
