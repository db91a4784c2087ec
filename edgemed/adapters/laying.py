"""An adapter applied to a model: every change is checked against its tensor before any work.

The changed tensors become `Changed`; the others stay as they are. If the model's head is its
embedding, a trained head becomes a tensor of its own; so does the old head if only the embedding is
changed.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from edgemed_native.finite import first_not_finite

from edgemed.adapters.change import (
    AT_ONCE,
    AddedVector,
    Change,
    Changed,
    LowRank,
    changed,
    parts,
    rows_of,
    shape_of,
)
from edgemed.adapters.naming import Use
from edgemed.adapters.opened import OpenedAdapter
from edgemed.errors import Incompatible, InvalidFile
from edgemed.gguf import Model, Tensor
from edgemed.gguf.model import Laid
from edgemed.storage import positional

EMBEDDING, HEAD = "token_embd.weight", "output.weight"


def lay_over(model: Model, found: OpenedAdapter, use: Use) -> Model:
    """`model` with the adapter over it, at the strength that `use` gives; Incompatible if it was
    made for another, InvalidFile if it holds no numbers."""
    refuse_architecture(model, found)
    tensors = dict(model.tensors)
    for name, changes in found.changes.items():
        tensor = target(model, found, name)
        for change in changes:
            refuse_shape(model, found, tensor, name, change)
            refuse_not_finite(found, change)
        if use.strength:
            own = [by_strength(change, use.strength) for change in changes]
            tensors[name] = changed(tensor, own, name)
    if use.strength and EMBEDDING in found.changes and HEAD not in tensors and not found.tied:
        tensors[HEAD] = replace(model.tensors[EMBEDDING], name=HEAD)
    laid = Laid(found.name, use.strength, found.files)
    return replace(model, tensors=tensors, adapters=(*model.adapters, laid))


def refuse_architecture(model: Model, found: OpenedAdapter) -> None:
    """Incompatible if the adapter says that it is for another architecture."""
    own = model.metadata.text("general.architecture") or ""
    if found.architecture and found.architecture != own:
        raise Incompatible(
            f"the adapter {found.name} is for {found.architecture} models, "
            f"{model.path.name} is {own}",
            made_for(found),
        )


def target(model: Model, found: OpenedAdapter, name: str) -> Tensor:
    """The tensor that a change is for; a head that is the embedding is the embedding's."""
    tensor = model.tensors.get(name)
    if tensor is None and name == HEAD:
        tensor = model.tensors.get(EMBEDDING)
    if tensor is None:
        raise Incompatible(
            f"the adapter {found.name} changes {name}, which {model.path.name} does not have",
            made_for(found),
        )
    return tensor


def refuse_shape(
    model: Model, found: OpenedAdapter, tensor: Tensor, name: str, change: Change
) -> None:
    """Incompatible if the change has a different shape from the tensor."""
    rows = rows_of(change)
    matrix = tensor.shape if rows is None else tensor.shape[:2]
    if len(matrix) > 2 or shape_of(change) != (math.prod(matrix[1:]), matrix[0]):
        theirs, ours = (" x ".join(map(str, shape)) for shape in (shape_of(change)[::-1], matrix))
        raise Incompatible(
            f"the adapter {found.name} changes {name} of {theirs}, "
            f"that of {model.path.name} is {ours}",
            made_for(found),
        )
    if rows is not None and rows.stop > tensor.rows:
        experts = tensor.shape[2] if len(tensor.shape) > 2 else "no"
        raise Incompatible(
            f"the adapter {found.name} changes expert {rows.start // len(rows)} of {name}, but "
            f"{model.path.name} has {experts} experts there",
            made_for(found),
        )


def refuse_not_finite(found: OpenedAdapter, change: Change) -> None:
    """InvalidFile if the adapter holds NaN or infinity; reads its files."""
    for tensor in parts(change):
        bad = not_finite(tensor)
        if bad is not None:
            raise InvalidFile(
                f"{found.name}: NaN or infinity in row {bad} of {tensor.name}",
                "the file is damaged, or its training failed; get it again",
            )


def not_finite(tensor: Tensor) -> int | None:
    """The first row of a tensor that holds NaN or infinity."""
    at_once = max(1, AT_ONCE // tensor.row_length)
    with tensor.path.open("rb") as file:
        for first in range(0, tensor.rows, at_once):
            packed = np.empty((min(at_once, tensor.rows - first), tensor.row_bytes), np.uint8)
            try:
                positional.read_into(
                    file.fileno(), packed, tensor.offset + first * tensor.row_bytes
                )
            except EOFError:
                raise InvalidFile(
                    f"{tensor.path}: the file is incomplete", "get it again"
                ) from None
            bad = first_not_finite(tensor.type.name, packed)
            if bad is not None:
                return first + bad
    return None


def by_strength(change: Change, strength: float) -> Change:
    """The change, scaled by the strength."""
    if isinstance(change, AddedVector):
        return replace(change, scale=change.scale * strength)
    if isinstance(change, LowRank) and change.lengths is None:
        return replace(change, scale=change.scale * strength)
    return replace(change, strength=change.strength * strength)


def made_for(found: OpenedAdapter) -> str:
    """The remedy for an adapter that belongs to another model."""
    base = f": it says that it was trained on {found.base}" if found.base else ""
    return f"give the adapter with the model it was trained on{base}"


def names_changed(tensors: Sequence[Tensor]) -> list[str]:
    """The names of those that adapters change."""
    return [tensor.name for tensor in tensors if isinstance(tensor, Changed)]
