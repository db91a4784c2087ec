"""What an adapter is, without the model that it is for: form, base, ranks, scales, targets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgemed.adapters.change import AddedVector, Change, LowRank, Whole, parts, shape_of
from edgemed.adapters.forms import folder_of
from edgemed.adapters.gguf_changes import open_gguf
from edgemed.adapters.opened import OpenedAdapter
from edgemed.adapters.peft_changes import open_modules


@dataclass(frozen=True, slots=True)
class ChangedTensor:
    """A change of one tensor: its kind, rows and row length, and the rank and scale of a pair."""

    name: str
    kind: str
    rows: int
    length: int
    rank: int | None
    scale: float | None


@dataclass(frozen=True, slots=True)
class AdapterDescription:
    """`base` and `architecture` are empty if the adapter does not say; `weights` are its own."""

    files: tuple[str, ...]
    nbytes: int
    form: str
    architecture: str
    base: str
    weights: int
    targets: tuple[ChangedTensor, ...]


def describe(path: Path) -> AdapterDescription:
    """The adapter at `path`. A PEFT folder's targets have the checkpoint's names."""
    folder = folder_of(path)
    found = open_gguf(path) if folder is None else open_modules(folder)
    every = [c for changes in found.changes.values() for c in changes]
    return AdapterDescription(
        tuple(map(str, found.files)),
        sum(file.stat().st_size for file in found.files),
        found.form,
        found.architecture,
        found.base,
        sum(t.rows * t.row_length for change in every for t in parts(change)),
        tuple(targets(found)),
    )


def targets(found: OpenedAdapter) -> Iterator[ChangedTensor]:
    """Every change, in the adapter's order."""
    for name, changes in found.changes.items():
        for change in changes:
            low = change if isinstance(change, LowRank) else None
            rank, scale = (low.rank, low.scale) if low else (None, None)
            expert = None if isinstance(change, AddedVector) else change.expert
            whose = name if expert is None else f"{name} of expert {expert}"
            yield ChangedTensor(whose, kind_of(change), *shape_of(change), rank, scale)


def kind_of(change: Change) -> str:
    """Its common name: LoRA, DoRA and so on."""
    if isinstance(change, LowRank):
        return "LoRA" if change.lengths is None else "DoRA"
    return "whole tensor" if isinstance(change, Whole) else "added vector"
