"""The vocabulary of a SentencePiece model, `tokenizer.model`.

Two facts that the sentencepiece package does not tell are read from the file itself, a protocol
buffer: whether the pieces were made by byte-pair merging (llama.cpp tokenizes no others correctly
under the name "llama"), and whether a space is put before the text.

    ModelProto:      2 trainer_spec, 3 normalizer_spec
    TrainerSpec:     3 model_type (1 unigram, 2 bpe, 3 word, 4 char)
    NormalizerSpec:  3 add_dummy_prefix
"""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.checkpoints.tokenizers.files import PIECES, Folder, read_file, shown, text, wrong
from edgemed.checkpoints.tokenizers.vocabulary import Type, VocabularyToken, refuse_too_many
from edgemed.errors import InvalidFile, Refused

TRAINER, NORMALIZER = 2, 3
MODEL_TYPE, ADD_DUMMY_PREFIX = 3, 3
KINDS = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}

NOT_A_MODEL = (
    "get it again; if tokenizer.json holds the tokenizer, take tokenizer.model out of the folder"
)


class SentencePieces(NamedTuple):
    """Rows from 0 on; whether a space goes before a text."""

    rows: list[VocabularyToken]
    space: bool


def read_pieces(folder: Folder, vocab_size: int) -> SentencePieces:
    """The pieces of the folder's tokenizer.model."""
    from sentencepiece import SentencePieceProcessor  # only if there is such a file

    path = folder.file(PIECES)
    raw = read_file(path, PIECES) or b""
    try:
        processor = SentencePieceProcessor(model_proto=raw)
        count = processor.vocab_size()
        kind, space = training_of(raw)
    except (RuntimeError, ValueError):
        count = 0
    if not count:
        raise InvalidFile(f"{shown(path)} is not a SentencePiece model", NOT_A_MODEL)
    if kind != "bpe":
        raise Refused(
            f"{shown(path)}: its pieces are of the kind {kind}, and llama.cpp joins pieces as bpe",
            "only SentencePiece models of the kind bpe can be converted",
        )
    refuse_too_many(path, "it", count, vocab_size)
    return SentencePieces([row_at(path, processor, i) for i in range(count)], space)


def row_at(path: Path, processor: Any, i: int) -> VocabularyToken:
    """A piece with its score and type."""
    try:
        name = processor.id_to_piece(i)
    except UnicodeDecodeError:
        wrong(path, f"piece {i}", "bytes", "a text")
    score = processor.get_score(i)
    if not isfinite(score):
        wrong(path, f"the score of piece {i}", score, "a number")
    return VocabularyToken(text(path, f"piece {i}", name), score, type_of(processor, i))


def type_of(processor: Any, i: int) -> Type:
    """The type of a piece; one that its trainer defined is normal, as for llama.cpp's converter."""
    if processor.is_unknown(i):
        return Type.UNKNOWN
    if processor.is_control(i):
        return Type.CONTROL
    if processor.is_unused(i):
        return Type.UNUSED
    return Type.BYTE if processor.is_byte(i) else Type.NORMAL


def training_of(raw: bytes) -> tuple[str, bool]:
    """The kind of the pieces, and whether a space goes before a text; ValueError if cut short."""
    kind, space = 1, True  # the defaults of the format
    for field, value in fields(raw):
        if field == TRAINER and isinstance(value, bytes):
            kind = dict(numbers(value)).get(MODEL_TYPE, kind)
        if field == NORMALIZER and isinstance(value, bytes):
            space = bool(dict(numbers(value)).get(ADD_DUMMY_PREFIX, space))
    return KINDS.get(kind, str(kind)), space


def numbers(raw: bytes) -> Iterator[tuple[int, int]]:
    """The number fields of a message."""
    return ((field, value) for field, value in fields(raw) if isinstance(value, int))


def fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of every field of a message."""
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        match tag & 7:
            case 0:
                value, at = varint(raw, at)
                yield tag >> 3, value
            case 2:
                size, at = varint(raw, at)
                if size > len(raw) - at:
                    raise ValueError("a field is longer than the message")
                yield tag >> 3, raw[at : at + size]
                at += size
            case 1 | 5 as width:
                at += 8 if width == 1 else 4
            case other:
                raise ValueError(f"a field of the kind {other}")


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number of up to ten bytes, seven bits each, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            raise ValueError("cut short")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")
