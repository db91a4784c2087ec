"""How models with adapters are written: MODEL+ADAPTER[:strength], several adapters one by one.

    >>> found = parent_of("base.gguf+style.gguf:0.5+facts")
    >>> found.name
    'base.gguf+style.gguf:0.5+facts'

Text only; no file is opened.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgemed.errors import UsageError

STRENGTH = re.compile(r"(?P<path>.+):(?P<strength>-?(\d+(\.\d*)?|\.\d+)([eE]-?\d+)?)")
"""Not a Windows drive: after the colon there is only a number."""

MOST_STRENGTH = 1000
"""No adapter is meant to be stronger; far above it, weights overflow float32."""

ADAPTED = re.compile(r"(?P<model>.*?\.gguf)\+(?P<adapters>.+)", re.IGNORECASE)
"""A GGUF file and the adapters applied to it."""

FOLDER = re.compile(r"(?P<model>[^+]+)\+(?P<adapters>(?!.*\.gguf$).+)", re.IGNORECASE)
"""The form in which mergekit writes checkpoints with an adapter; `C++/model.gguf` is not one."""

BESIDE = re.compile(r"(?P<model>[^+]+)\+(?P<adapters>.+)")


class Use(NamedTuple):
    """An adapter's file or folder, and its strength: 0 changes nothing, 1 is as trained."""

    path: Path
    strength: float = 1.0

    @property
    def name(self) -> str:
        """Its file's name, and its strength if that is not 1."""
        return self.path.name + self.suffix

    @property
    def suffix(self) -> str:
        """The strength as it is written after the path."""
        return "" if self.strength == 1.0 else f":{self.strength!r}"


@dataclass(frozen=True, slots=True)
class Adapted:
    """A model with adapters applied to it, in this order."""

    model: Path
    uses: tuple[Use, ...]

    @property
    def name(self) -> str:
        """The names of the files."""
        return "+".join((self.model.name, *(use.name for use in self.uses)))

    def __str__(self) -> str:
        return "+".join((str(self.model), *(f"{use.path}{use.suffix}" for use in self.uses)))


Parent = Path | Adapted
"""What is merged."""


def use_of(text: str, at: Callable[[str], Path] = Path) -> Use:
    """ADAPTER[:strength]; `at` gives the path of a name. A file of that whole name goes first."""
    found = None if exists(at(text)) else STRENGTH.fullmatch(text)
    if found is None:
        return Use(at(text))
    strength = float(found["strength"])
    if abs(strength) > MOST_STRENGTH:
        raise UsageError(
            f"the strength {found['strength']} of {found['path']} is too large",
            f"give one from -{MOST_STRENGTH:,} to {MOST_STRENGTH:,}; 1 is the adapter as trained",
        )
    return Use(at(found["path"]), strength)


def parent_of(text: str, at: Callable[[str], Path] = Path) -> Parent:
    """MODEL, or MODEL+ADAPTER[:strength]+...; UsageError for one without a name."""
    found = ADAPTED.fullmatch(text) or FOLDER.fullmatch(text) or in_folder(text, at)
    if found is None or exists(at(text)):
        return at(text)
    names = found["adapters"].split("+")
    if not all(names):
        raise UsageError(f"{text!r} has a + without an adapter", "write MODEL.gguf+ADAPTER")
    return Adapted(at(found["model"]), tuple(use_of(name, at) for name in names))


def in_folder(text: str, at: Callable[[str], Path]) -> re.Match[str] | None:
    """FOLDER+ADAPTER.gguf, where the folder is that of a checkpoint."""
    found = BESIDE.fullmatch(text)
    return found if found is not None and exists(at(found["model"]) / "config.json") else None


def exists(path: Path) -> bool:
    """Whether a file has this name; false for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def model_file(parent: Parent) -> Path:
    """The model's own file, without its adapters."""
    return parent.model if isinstance(parent, Adapted) else parent


def input_paths(parent: Parent) -> tuple[Path, ...]:
    """The model and its adapters."""
    if isinstance(parent, Adapted):
        return (parent.model, *(use.path for use in parent.uses))
    return (parent,)
