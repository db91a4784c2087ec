"""Leaves out an output head that is a copy of the embedding, where another model has tied ones.

Some converters write the copy, others leave it out. Both are the same model, so the copy is left
out of the merge. A head of its own stays, and the models do not match.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from edgemed.adapters.change import is_changed
from edgemed.errors import EdgemedError
from edgemed.gguf import Model, Tensor
from edgemed.gguf.loadable.architecture import EMBEDDING, HEAD

AT_ONCE = 1 << 22  # bytes that are compared at a time


def without_copies(models: Sequence[Model]) -> list[Model]:
    """The models; if one of them has no head, the others lose copies of the embedding."""
    if all(HEAD in model.tensors for model in models):
        return list(models)
    return [without_head(model) if has_copy(model) else model for model in models]


def without_head(model: Model) -> Model:
    """`model` with its embedding as its head."""
    tensors = {name: tensor for name, tensor in model.tensors.items() if name != HEAD}
    return replace(model, tensors=tensors, copied_head=True)


def has_copy(model: Model) -> bool:
    """Whether its head has the bytes of its embedding; both are read to their first difference."""
    head, embedding = model.tensors.get(HEAD), model.tensors.get(EMBEDDING)
    if head is None or embedding is None or is_changed(head) or is_changed(embedding):
        return False
    if (head.type, head.shape) != (embedding.type, embedding.shape):
        return False
    try:
        return all(a == b for a, b in zip(pieces(head), pieces(embedding), strict=True))
    except OSError as error:
        raise EdgemedError(
            f"reading {head.name} from {head.path} failed: {error.strerror}",
            "its disk is failing; copy it again and check its checksum",
        ) from error


def pieces(tensor: Tensor) -> Iterator[bytes]:
    """The tensor's bytes."""
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        yield from parts_of(file, tensor.nbytes)


def parts_of(file: BinaryIO, nbytes: int) -> Iterator[bytes]:
    """The next `nbytes` of a file."""
    for start in range(0, nbytes, AT_ONCE):
        yield file.read(min(AT_ONCE, nbytes - start))


def notes(models: Sequence[Model]) -> Iterator[str]:
    """A line for each model whose copy is left out."""
    for model in models:
        if model.copied_head:
            name = model.path.name
            yield f"{name}: its head is a copy of its embedding and is left out, as in the others"
