"""The vocabulary of a tokenizer.json that was made from a SentencePiece model.

It has the pieces and, in place of their scores, the merges in their order: all ways to join two
pieces to one, best piece first. A piece's score is therefore minus its place among the results
of the merges. llama.cpp joins any two pieces whose text is a piece, so a tokenizer.json that lists
only some of these merges would be tokenized differently, and is refused.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from edgemed.checkpoints.tokenizers.files import TOKENIZER, Folder, Tree, shown, wrong
from edgemed.checkpoints.tokenizers.merges import merges_of, model_of, vocab_of
from edgemed.checkpoints.tokenizers.pre_tokenizers import Steps, brief, steps_of
from edgemed.checkpoints.tokenizers.sentencepieces import SentencePieces
from edgemed.checkpoints.tokenizers.vocabulary import (
    Type,
    VocabularyToken,
    filled,
    in_tokenizer,
    refuse_holes,
    refuse_other_numbers,
    refuse_too_many,
)
from edgemed.errors import Refused

BYTE = re.compile("<0x[0-9A-F]{2}>")

REPLACE = 'Replace(" ", "▁")'
FORMS: Mapping[tuple[Steps, Steps], bool] = {
    (('Prepend("▁")', REPLACE), ()): True,
    ((REPLACE,), ()): False,
    ((REPLACE,), ('Split(" ", MergedWithPrevious)',)): False,
    ((), ('Metaspace("▁", always)',)): True,
    ((), ('Metaspace("▁", first)',)): True,
    ((), ('Metaspace("▁", never)',)): False,
}
"""Normalizer and pre-tokenizer -> whether a space goes before a text. (Metaspace puts none before a
text that begins with one; SentencePiece and llama.cpp do.)"""

MOST_MISSING = 0.01
"""Share of all joins that need not be merges: converters of 2023 left out those of score 0."""

LONGEST = 256
"""Characters of a piece. SentencePiece makes pieces of 16 unless it is told otherwise."""


def is_of_pieces(folder: Folder) -> bool:
    """Whether tokenizer.json has bytes as pieces of their own, as SentencePiece models do."""
    return model_of(folder).get("byte_fallback") is True


def read_fast_pieces(folder: Folder, vocab_size: int) -> SentencePieces:
    """The pieces of the folder's tokenizer.json. A row that only an added token has is padding."""
    path, model = folder.file(TOKENIZER), model_of(folder)
    space = space_before(path, folder.tokenizer or {})
    vocab = vocab_of(path, model)
    added = in_tokenizer(folder)
    refuse_other_numbers(vocab, added)
    refuse_holes(path, vocab, added)
    texts = {entry.text for entry in added}
    kept = {name: id for name, id in vocab.items() if name not in texts or id < vocab_size}
    count = max(kept.values()) + 1
    refuse_too_many(path, "model.vocab", count, vocab_size)
    kinds = {name: kind_of(name, model.get("unk_token")) for name in kept}
    plain = {name for name, kind in kinds.items() if kind == Type.NORMAL} - texts
    merges = merges_of(path, model, vocab)
    refuse_other_joins(path, plain, merges)
    places = places_of(merges, sorted(plain, key=kept.__getitem__))
    rows = {
        id: VocabularyToken(name, -float(places.get(name, 0)), kinds[name])
        for name, id in kept.items()
    }
    return SentencePieces(filled(rows, count), space)


def space_before(path: Path, tree: Tree) -> bool:
    """Whether a space goes before a text; Refused for a form that is not SentencePiece's."""
    normalizer = steps_of(path, tree, "normalizer")
    pre_tokenizer = steps_of(path, tree, "pre_tokenizer")
    found = FORMS.get((normalizer, pre_tokenizer))
    if found is None:
        raise Refused(
            f"{shown(path)}: normalizer {brief(normalizer)} and pre_tokenizer "
            f"{brief(pre_tokenizer)} are not those of a SentencePiece tokenizer",
            "put the checkpoint's tokenizer.model into the folder",
        )
    return found


def kind_of(name: str, unknown: object) -> Type:
    if name == unknown:
        return Type.UNKNOWN
    return Type.BYTE if BYTE.fullmatch(name) else Type.NORMAL


def places_of(merges: Sequence[tuple[str, str]], plain: Sequence[str]) -> dict[str, int]:
    """The results of the merges in their order, then the other plain pieces; each -> its place."""
    places: dict[str, int] = {}
    for name in (*(left + right for left, right in merges), *plain):
        places.setdefault(name, len(places))
    return places


def refuse_other_joins(path: Path, plain: Collection[str], merges: list[tuple[str, str]]) -> None:
    """Every join of two plain pieces to a third must be a merge."""
    listed, joins, missing = set(merges), 0, 0
    for name in plain:
        if len(name) > LONGEST:
            wrong(path, "model.vocab: a token", name, f"a piece of at most {LONGEST} characters")
        for at in range(1, len(name)):
            pair = name[:at], name[at:]
            if pair[0] in plain and pair[1] in plain:
                joins += 1
                missing += pair not in listed
    if missing > MOST_MISSING * joins:
        raise Refused(
            f"{shown(path)}: of {joins:,} ways to join two pieces to one, {missing:,} are not in "
            "model.merges: this tokenizer was not made from a SentencePiece model, and llama.cpp "
            "would split texts in other places",
            "only SentencePiece tokenizers and byte-level BPE can be converted",
        )
