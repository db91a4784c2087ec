"""A model's main figures, such as size and architecture. Strings are exactly as in the file."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model
from edgemed.gguf.tensors import Tensor
from edgemed.gguf.trained_rounding import trained_rounding

TOKENS = "tokenizer.ggml.tokens"


class TypeShare(NamedTuple):
    """What is stored in one tensor type."""

    tensors: int
    weights: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """None, empty or 0 if the file does not say. `nbytes` is the size of all files. A checkpoint
    has its folder for a file, and the version 0."""

    files: tuple[str, ...]
    nbytes: int
    version: int
    alignment: int
    architecture: str | None
    name: str | None
    licence: str | None
    weights: int
    bits_per_weight: float
    types: dict[str, TypeShare]
    context_length: int | None
    vocabulary_size: int | None
    vocabulary_model: str | None
    vocabulary_pre: str | None
    chat_template: bool
    trained_rounding: str | None


def describe(model: Model) -> ModelDescription:
    """The figures of an open model. Asks for the files' sizes; reads nothing more from them."""
    metadata = model.metadata
    architecture = _text(metadata, "general.architecture")
    types = type_shares(model.tensors.values())
    return ModelDescription(
        files=tuple(str(path) for path in ([model.folder] if model.folder else model.paths)),
        nbytes=sum(path.stat().st_size for path in model.paths),
        version=model.version,
        alignment=model.alignment,
        architecture=architecture,
        name=_text(metadata, "general.name"),
        licence=_text(metadata, "general.license"),
        weights=model.weights,
        bits_per_weight=8 * sum(t.nbytes for t in types.values()) / max(1, model.weights),
        types=types,
        context_length=_number(metadata, f"{architecture}.context_length"),
        vocabulary_size=_vocabulary_size(metadata, f"{architecture}.vocab_size"),
        vocabulary_model=_text(metadata, "tokenizer.ggml.model"),
        vocabulary_pre=_text(metadata, "tokenizer.ggml.pre"),
        chat_template=bool(_text(metadata, "tokenizer.chat_template")),
        trained_rounding=trained_rounding(model),
    )


def type_shares(tensors: Iterable[Tensor]) -> dict[str, TypeShare]:
    """What each tensor type holds, the largest first."""
    shares: dict[str, TypeShare] = {}
    for tensor in tensors:
        count, weights, nbytes = shares.get(tensor.type.name, TypeShare(0, 0, 0))
        weights += tensor.rows * tensor.row_length
        shares[tensor.type.name] = TypeShare(count + 1, weights, nbytes + tensor.nbytes)
    return dict(sorted(shares.items(), key=lambda item: -item[1].nbytes))


def _text(metadata: Metadata, key: str) -> str | None:
    """A string, or None if the key is missing or something else."""
    return metadata.text(key)


def _number(metadata: Metadata, key: str) -> int | None:
    """A whole number, or None if the key is missing or something else."""
    value = metadata[key] if key in metadata and "[]" not in metadata.type_of(key) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _vocabulary_size(metadata: Metadata, size_key: str) -> int | None:
    if TOKENS in metadata and metadata.type_of(TOKENS) == "string[]":
        return metadata.length_of(TOKENS)
    return _number(metadata, size_key)
