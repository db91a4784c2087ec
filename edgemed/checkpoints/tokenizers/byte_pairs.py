"""The vocabulary of a tokenizer.json whose tokens are made of bytes (GPT-2 and its followers)."""

from typing import NamedTuple

from edgemed.checkpoints.tokenizers.files import TOKENIZER, Folder
from edgemed.checkpoints.tokenizers.merges import merges_of, model_of, vocab_of
from edgemed.checkpoints.tokenizers.pre_tokenizers import name_of
from edgemed.checkpoints.tokenizers.vocabulary import (
    Type,
    VocabularyToken,
    described,
    in_tokenizer,
    refuse_holes,
    refuse_other_numbers,
    refuse_too_many,
    row_of,
)

WRITTEN_SPACE = "Ġ"
"""A space inside a piece of a merge: a plain space stands between the two pieces."""


class BytePairs(NamedTuple):
    """Rows by number; merges as GGUF has them; llama.cpp's name of the pre-tokenizer."""

    rows: dict[int, VocabularyToken]
    merges: list[str]
    pre: str


def read_byte_pairs(folder: Folder, vocab_size: int) -> BytePairs:
    """The tokens of the folder's tokenizer.json."""
    path = folder.file(TOKENIZER)
    model = model_of(folder)
    pre = name_of(folder, model)
    vocab = vocab_of(path, model)
    pairs = merges_of(path, model, vocab)
    # What tokenizer_config.json says of a token counts more than what tokenizer.json says.
    added = [*in_tokenizer(folder), *sorted(described(folder))]
    refuse_other_numbers(vocab, added)
    refuse_holes(path, vocab, added)
    rows = {id: VocabularyToken(name, 0.0, Type.NORMAL) for name, id in vocab.items()}
    rows |= {entry.id: row_of(entry) for entry in added}
    refuse_too_many(path, "it", max(rows) + 1, vocab_size)
    return BytePairs(rows, [written(*pair) for pair in pairs], pre)


def written(left: str, right: str) -> str:
    """A merge as GGUF has it."""
    return " ".join(piece.replace(" ", WRITTEN_SPACE) for piece in (left, right))
