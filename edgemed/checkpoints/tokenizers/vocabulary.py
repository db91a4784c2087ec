"""The rows of a vocabulary: tokens, scores and types, with added tokens and padding.

Types are ggml's. Rows that no token has are [PAD<row>] of the type unused, as in the files of
llama.cpp's converter.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from edgemed.checkpoints.tokenizers.files import (
    ADDED,
    AGAIN,
    SETTINGS,
    TOKENIZER,
    Folder,
    Tree,
    shown,
    table,
    tables,
    text,
    whole,
    wrong,
)
from edgemed.errors import InvalidFile

MARKED_SPACE = "▁"
PADDING_SCORE = -10000.0
ADDED_SCORE = -1000.0

LOOK_SPECIAL = ("<pad>", "<mask>", "<2mass>", "[@BOS@]")
"""Added tokens that control a model although their files do not call them special, like those in
<|...|>, <｜...｜> and <unused...>. Source: llama.cpp's converter."""


class Type(IntEnum):
    """ggml's token types."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER = 4
    UNUSED = 5
    BYTE = 6


class VocabularyToken(NamedTuple):
    """A token of the vocabulary."""

    text: str
    score: float
    type: Type


class AddedToken(NamedTuple):
    """A token that was added to a vocabulary: its row, whether its file calls it special, and that
    file with the key."""

    id: int
    text: str
    special: bool
    source: Path
    key: str


def listed(folder: Folder) -> list[AddedToken]:
    """The added tokens of added_tokens.json: {text: row}."""
    path = folder.file(ADDED)
    return [
        AddedToken(whole(path, name, id), text(path, "a token", name), False, path, name)
        for name, id in folder.added.items()
    ]


def described(folder: Folder) -> list[AddedToken]:
    """Those of tokenizer_config.json's added_tokens_decoder: {row: {content, special}}."""
    path, key = folder.file(SETTINGS), "added_tokens_decoder"
    found = []
    for number, entry in table(path, folder.settings, key).items():
        name = f"{key} of {number[:20]}"
        if not (number.isascii() and number.isdigit() and len(number) < 20):
            wrong(path, key, number, "a row")
        if not isinstance(entry, dict):
            wrong(path, name, entry, "a table")
        content = text(path, name, entry.get("content"))
        found.append(AddedToken(int(number), content, is_special(path, name, entry), path, name))
    return found


def in_tokenizer(folder: Folder) -> list[AddedToken]:
    """The added tokens of tokenizer.json: [{id, content, special}]."""
    path, key = folder.file(TOKENIZER), "added_tokens"
    return [
        AddedToken(
            whole(path, f"{key}: id", entry.get("id")),
            text(path, f"{key}: content", entry.get("content")),
            is_special(path, key, entry),
            path,
            key,
        )
        for entry in tables(path, folder.tokenizer or {}, key)
    ]


def is_special(path: Path, key: str, entry: Tree) -> bool:
    given = entry.get("special", False)
    if type(given) is not bool:
        wrong(path, f"{key}: special", given, "true or false")
    return given


def row_of(added: AddedToken, judged: bool = True) -> VocabularyToken:
    """An added token as a row. `judged`: one that looks special is a control token too, and the
    others have plain spaces."""
    if added.special or (judged and looks_special(added.text)):
        return VocabularyToken(added.text, ADDED_SCORE, Type.CONTROL)
    plain = added.text.replace(MARKED_SPACE, " ") if judged else added.text
    return VocabularyToken(plain, ADDED_SCORE, Type.USER)


def looks_special(name: str) -> bool:
    marks = (("<|", "|>"), ("<｜", "｜>"), ("<unused", ">"))
    return name in LOOK_SPECIAL or any(
        name.startswith(start) and name.endswith(end) for start, end in marks
    )


def filled(rows: dict[int, VocabularyToken], count: int) -> list[VocabularyToken]:
    """All rows from 0 to `count`, those without a token padded."""
    return [
        rows.get(i) or VocabularyToken(f"[PAD{i}]", PADDING_SCORE, Type.UNUSED)
        for i in range(count)
    ]


def refuse_duplicates(path: Path, rows: Sequence[VocabularyToken]) -> None:
    """llama.cpp ends the program on a vocabulary in which a text occurs twice."""
    seen: dict[str, int] = {}
    for i, row in enumerate(rows):
        first = seen.setdefault(row.text, i) if row.text else i
        if first != i:
            raise InvalidFile(
                f"{shown(path)}: tokens {first} and {i} are both {shown(row.text)}", AGAIN
            )


def refuse_holes(path: Path, vocab: Mapping[str, int], added: Iterable[AddedToken]) -> None:
    """Every row up to the last token that is not an added one must have a token."""
    texts = {entry.text for entry in added}
    end = max((id for name, id in vocab.items() if name not in texts), default=0)
    missing = set(range(end)).difference(vocab.values())
    if missing:
        raise InvalidFile(
            f"{shown(path)}: model.vocab has no token {min(missing)}, but has one with the number "
            f"{end}",
            AGAIN,
        )


def refuse_other_numbers(vocab: Mapping[str, int], added: Iterable[AddedToken]) -> None:
    """The numbers that files give to added tokens must be those that they get.

    The tokenizers library, which reads these files for transformers, gives a token that the
    vocabulary has the number that it has there, and any other the next free one.
    """
    known = dict(vocab)
    last = -1
    for entry in added:
        number = known.setdefault(entry.text, max(last + 1, len(vocab)))
        if number != entry.id:
            raise InvalidFile(
                f"{shown(entry.source)}: {entry.key} gives {shown(entry.text)} the number "
                f"{entry.id}, but transformers would give it {number}",
                AGAIN,
            )
        last = max(last, number)


def refuse_too_many(path: Path, key: str, count: int, vocab_size: int) -> None:
    """No token may be in a row that the embedding does not have."""
    if count > vocab_size:
        raise InvalidFile(
            f"{shown(path)}: {key} has a token {count - 1:,}, but vocab_size is {vocab_size:,}",
            "take tokenizer and config.json from the same checkpoint",
        )
