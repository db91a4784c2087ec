"""The vocabulary of a tokenizer.json whose tokens are made of bytes (GPT-2 and its followers)."""

from typing import NamedTuple, NoReturn

from edgemed.checkpoints.tokenizers.files import AGAIN, TOKENIZER, Folder, shown
from edgemed.checkpoints.tokenizers.merges import merges_of, model_of, vocab_of
from edgemed.checkpoints.tokenizers.pre_tokenizers import name_of
from edgemed.checkpoints.tokenizers.vocabulary import (
    Added,
    Row,
    Type,
    described,
    in_tokenizer,
    refuse_missing,
    refuse_too_many,
    row_of,
)
from edgemed.errors import InvalidFile

WRITTEN_SPACE = "Ġ"
"""A space inside a piece of a merge: a plain space stands between the two pieces."""


class BytePairs(NamedTuple):
    """Rows by number; merges as GGUF has them; llama.cpp's name of the pre-tokenizer."""

    rows: dict[int, Row]
    merges: list[str]
    pre: str


def read_byte_pairs(folder: Folder, vocab_size: int) -> BytePairs:
    """The tokens of the folder's tokenizer.json."""
    path = folder.file(TOKENIZER)
    model = model_of(folder)
    pre = name_of(folder, model)
    vocab = vocab_of(path, model)
    pairs, end = merges_of(path, model, vocab), max(vocab.values())
    rows = {id: Row(name, 0.0, Type.NORMAL) for name, id in vocab.items()}
    # What tokenizer_config.json says of a token counts more than what tokenizer.json says.
    texts = {id: name for name, id in vocab.items()}
    for entry in (*in_tokenizer(folder), *described(folder)):
        known = vocab.setdefault(entry.text, entry.id), texts.setdefault(entry.id, entry.text)
        if known != (entry.id, entry.text):
            refuse_other_row(entry)
        rows[entry.id] = row_of(entry)
    refuse_too_many(path, "it", max(rows) + 1, vocab_size)
    refuse_missing(path, "model.vocab", rows, end)
    return BytePairs(rows, [written(*pair) for pair in pairs], pre)


def refuse_other_row(added: Added) -> NoReturn:
    """An added token that another file or the vocabulary puts elsewhere."""
    raise InvalidFile(
        f"{shown(added.source)}: {added.key} puts {shown(added.text)} in row {added.id}, and "
        "model.vocab of tokenizer.json or another file says otherwise",
        AGAIN,
    )


def written(left: str, right: str) -> str:
    """A merge as GGUF has it."""
    return " ".join(piece.replace(" ", WRITTEN_SPACE) for piece in (left, right))
