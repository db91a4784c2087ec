"""Whether a judge and a judged model are of one family: a model likes what it would have written.

One family: the same file, the same vocabulary, or names that begin alike ("SmolLM2-135M-Instruct",
"smollm2-clinical"). Vocabularies are shared by all sizes and fine-tunes of a family, and rarely by
others.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edgemed.gguf import open_model

NAMES = ("general.basename", "general.name")
TOKENS = "tokenizer.ggml.tokens"
FIRST = re.compile(r"[^\W_]{3,}")


def kinship(judge: Path, judged: Path) -> str:
    """In words why the two are of one family; empty if nothing says so."""
    if judge.samefile(judged):
        return "it is the judged model itself"
    one, other = (open_model(path).metadata for path in (judge, judged))
    tokens = one.get(TOKENS)
    if tokens is not None and np.array_equal(np.asarray(tokens), np.asarray(other.get(TOKENS))):
        return "they have the same vocabulary"
    shared = set(first_words(judge)) & set(first_words(judged))
    return f"both are called {min(shared)}" if shared else ""


def first_words(path: Path) -> Iterator[str]:
    """What a model's names begin with, in lower case; "llama" of "Llama-3.1-8B"."""
    metadata = open_model(path).metadata
    for name in (path.stem, *(str(metadata.get(key, "")) for key in NAMES)):
        if found := FIRST.match(name.strip()):
            yield found[0].casefold().rstrip("0123456789")
