"""The model of a tokenizer.json of the kind BPE: its vocabulary and its merges.

model: {type: "BPE", vocab: {text: row}, merges: ["a b", ...] or [["a", "b"], ...]}
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgemed.checkpoints.tokenizers.files import (
    AGAIN,
    TOKENIZER,
    Folder,
    Tree,
    items,
    shown,
    table,
    text,
    wrong,
)
from edgemed.errors import InvalidFile, Refused
from edgemed.gguf.values import MAX_STRINGS

NOT_IN_GGUF = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
"""Settings of a BPE model that llama.cpp does not have: they must be empty."""


def model_of(folder: Folder) -> Tree:
    """The BPE model of the folder's tokenizer.json; Refused for another kind."""
    path = folder.file(TOKENIZER)
    model = table(path, folder.tokenizer or {}, "model")
    # The oldest files do not name the kind: only BPE models have merges.
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind != "BPE":
        raise Refused(
            f"{shown(path)}: its model is of the type {shown(kind)}, and only BPE can be converted",
            "convert a checkpoint whose tokenizer is BPE or has a tokenizer.model",
        )
    for key in NOT_IN_GGUF:
        if model.get(key):
            raise Refused(
                f"{shown(path)}: model.{key} is {shown(model[key])}, which llama.cpp does not have",
                "only tokenizers without it can be converted",
            )
    return model


def vocab_of(path: Path, model: Tree) -> dict[str, int]:
    """Text -> row; no two texts have the same row."""
    key = "model.vocab"
    vocab = table(path, model, "vocab")
    if not 0 < len(vocab) <= MAX_STRINGS:
        wrong(path, key, vocab, f"a table of 1 to {MAX_STRINGS:,} tokens")
    rows: dict[int, str] = {}
    for name, id in vocab.items():
        text(path, f"{key}: a token", name)
        if type(id) is not int or id < 0:
            wrong(path, f"{key}: {shown(name)}", id, "a whole number from 0")
        first = rows.setdefault(id, name)
        if first != name:
            raise InvalidFile(
                f"{shown(path)}: {key} gives {shown(first)} and {shown(name)} the row {id}", AGAIN
            )
    return dict(vocab)


def merges_of(path: Path, model: Tree, vocab: Mapping[str, int]) -> list[tuple[str, str]]:
    """The pairs in their order; every piece and every result is in the vocabulary."""
    found = items(path, model, "merges")
    if not found:
        raise InvalidFile(f"{shown(path)}: model.merges is missing or empty", AGAIN)
    if len(found) > 4 * MAX_STRINGS:
        wrong(path, "model.merges", found, f"a list of at most {4 * MAX_STRINGS:,}")
    pairs = [pair_of(path, merge) for merge in found]
    for left, right in pairs:
        for piece in (left, right, left + right):
            if piece not in vocab:
                raise InvalidFile(
                    f"{shown(path)}: model.merges joins {shown(left)} and {shown(right)}, but "
                    f"{shown(piece)} is not in model.vocab",
                    AGAIN,
                )
    return pairs


def pair_of(path: Path, merge: Any) -> tuple[str, str]:
    """One merge in either spelling."""
    parts = merge.split(" ") if type(merge) is str else merge
    good = isinstance(parts, list) and len(parts) == 2
    if not good or not all(type(part) is str and part for part in parts):
        wrong(path, "model.merges: an entry", merge, "two pieces")
    return parts[0], parts[1]
