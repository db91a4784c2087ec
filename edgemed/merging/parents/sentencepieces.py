"""A SentencePiece model (`tokenizer.model`), and whether a GGUF vocabulary was made from it.

Converters write the pieces of such a model first, with their scores, and add tokens after them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgemed.errors import InvalidFile
from edgemed.gguf import Model, printable
from edgemed.merging.parents.vocabulary import SCORES, TOKENS
from edgemed.storage.bounded import read_bounded


class SentencePiece(NamedTuple):
    text: str
    score: float


def read_pieces(path: Path) -> list[SentencePiece]:
    """All pieces in their order; InvalidFile if this is not a SentencePiece model."""
    from sentencepiece import SentencePieceProcessor  # only where such a file is given

    try:
        processor = SentencePieceProcessor(model_proto=read_bounded(path, "tokenizer.model"))
        count = processor.vocab_size()
    except (OSError, RuntimeError) as error:
        raise InvalidFile(
            f"{path} is not a SentencePiece model", "name the tokenizer.model of the checkpoint"
        ) from error
    return [SentencePiece(processor.id_to_piece(i), processor.get_score(i)) for i in range(count)]


def first_difference(pieces: Sequence[SentencePiece], model: Model) -> str | None:
    """The first place where a model's vocabulary differs from the pieces; None if it has them all,
    in order."""
    name = model.path.name
    tokens = model.metadata.get(TOKENS, [])
    if len(tokens) < len(pieces):
        return f"{name} has {len(tokens):,} tokens, the SentencePiece model {len(pieces):,}"
    scores = model.metadata.get(SCORES)
    for number, piece in enumerate(pieces):
        if tokens[number] != piece.text:
            ours, theirs = printable(tokens[number]), printable(piece.text)
            return f"token {number} of {name} is {ours!r}, the SentencePiece model's {theirs!r}"
        if scores is not None and abs(scores[number] - piece.score) > 1e-4 * abs(piece.score):
            return f"token {number} of {name} has a different score in the SentencePiece model"
    return None
