"""Weights that were trained for the rounding of one tensor type (QAT), as far as a file says so.

Training with the rounding in the loop (quantization-aware training) moves weights to where they
lose little in that one type. A merge, or another type, rounds anew, and what the training gave is
lost. Nothing in the weights tells: only names do, and two architectures that are trained so always.
A file that says nothing of it, such as Google's gemma-3-4b-it-q4_0.gguf under that name, is not
found.
"""

import re
from collections.abc import Iterable, Iterator

from edgemed.gguf.flaw import quoted
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model

WORD = re.compile(r"(?<![a-z])qat(?![a-z])|quanti[sz]ation[- ]aware", re.IGNORECASE)
MERGED = "edgemed.merge.recipe"
"""In a file that edgemed merged: it names its parents, and is rounded anew."""

LONGEST = 10_000
"""Characters of a value that are looked at, and elements of a list: names are short."""

OTHER = re.compile(r"general\.(architecture|license|languages|datasets|dataset\.)")
"""Keys of `general` that say nothing of how the weights were made."""

BY_ARCHITECTURE: dict[str, tuple[str, frozenset[str]]] = {
    "bitnet": ("BitNet is trained with three values a weight", frozenset()),
    "gpt-oss": ("gpt-oss is trained with its experts in MXFP4", frozenset({"MXFP4"})),
}
"""Architecture -> why, and the tensor types one of which must be there (empty: any)."""

LOST = "a merge rounds anew and loses what that training gave"
REMEDY = "measure the result with `edgemed sweep`; models that were not trained so lose less"
ONE_TYPE = "only the type that it was trained for, mostly Q4_0, keeps what that training gave"


def trained_rounding(model: Model) -> str | None:
    """Where the file says that it was trained for its rounding; None if it does not."""
    if MERGED in model.metadata:
        return None
    for path in model.paths:
        if WORD.search(path.name):
            return f"the file's name is {quoted(path.name)}"
    for key in model.metadata:
        if key.startswith("general.") and not OTHER.match(key):
            for text in texts_of(model.metadata, key):
                if WORD.search(text):
                    return f"{quoted(key)} is {quoted(text)}"
    why, types = BY_ARCHITECTURE.get(str(model.metadata.get("general.architecture")), ("", None))
    found = {tensor.type.name for tensor in model.tensors.values()}
    return why if types is not None and (not types or types & found) else None


def texts_of(metadata: Metadata, key: str) -> list[str]:
    """The strings of a value, as far as names go; none if it is something else."""
    kind = metadata.type_of(key)
    if kind not in ("string", "string[]") or metadata.length_of(key) > LONGEST:
        return []
    return [metadata[key]] if kind == "string" else list(metadata[key])


def warnings(models: Iterable[Model], lost: str = LOST) -> Iterator[str]:
    """A line for each model that was trained so."""
    for model in models:
        if said := trained_rounding(model):
            yield f"{model.paths[0].name} was trained for its rounding ({said}): {lost}"
