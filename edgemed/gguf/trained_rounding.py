"""Finds models that were trained for the rounding of one tensor type (quantization-aware training).

Such training moves weights to values that lose little in that one type. A merge or another type
rounds them again, and that benefit is lost. The weights do not show it: only names do, and two
architectures that are always trained this way. A file that does not mention it, such as Google's
gemma-3-4b-it-q4_0.gguf under that name, is not found.
"""

import re
from collections.abc import Iterable, Iterator

from edgemed.gguf.flaw import quoted
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.model import Model

WORD = re.compile(r"(?<![a-z])qat(?![a-z])|quanti[sz]ation[- ]aware", re.IGNORECASE)
MERGED = "edgemed.merge.recipe"
"""Only in files that edgemed merged: they name their parents, and have been rounded again."""

LONGEST = 10_000
"""Longer strings (in characters) and lists (in elements) are not searched: names are short."""

OTHER = re.compile(r"general\.(architecture|license|languages|datasets|dataset\.)")
"""Keys of `general` that say nothing about how the weights were made."""

BY_ARCHITECTURE: dict[str, tuple[str, frozenset[str]]] = {
    "bitnet": ("BitNet is trained with three values per weight", frozenset()),
    "gpt-oss": ("gpt-oss is trained with its experts in MXFP4", frozenset({"MXFP4"})),
}
"""Architecture -> why, and tensor types of which one must be in the file (empty: any will do)."""

LOST = "a merge rounds it again, and the benefit of that training is lost"
REMEDY = "measure the result with `edgemed sweep`; models without such training lose less"
ONE_TYPE = "only the type that it was trained for, mostly Q4_0, keeps the benefit of that training"


def trained_rounding(model: Model) -> str | None:
    """Where the file says that it had quantization-aware training; None if it does not."""
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
    """The strings of a value; none if it is something else, or longer than a name."""
    kind = metadata.type_of(key)
    if kind not in ("string", "string[]") or metadata.length_of(key) > LONGEST:
        return []
    return [metadata[key]] if kind == "string" else list(metadata[key])


def warnings(models: Iterable[Model], lost: str = LOST) -> Iterator[str]:
    """A line for each model that had quantization-aware training."""
    for model in models:
        if said := trained_rounding(model):
            yield f"{model.paths[0].name} had quantization-aware training ({said}): {lost}"
