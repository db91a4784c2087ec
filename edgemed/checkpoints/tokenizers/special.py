"""Which tokens begin, end, pad and separate texts, and which of them a tokenizer adds itself.

It is read where llama.cpp's converter reads it: tokenizer_config.json names the tokens
and tokenizer.json gives their rows; config.json gives rows for what is left; the post_processor of
tokenizer.json says what is added, and tokenizer_config.json only what that does not say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgemed.checkpoints.tokenizers.files import (
    CONFIG,
    SETTINGS,
    TOKENIZER,
    Folder,
    Tree,
    shown,
    table,
    tables,
    wrong,
)
from edgemed.checkpoints.tokenizers.vocabulary import in_tokenizer
from edgemed.errors import InvalidFile, Refused

IDS = {
    "bos": "bos_token_id",
    "eos": "eos_token_id",
    "unk": "unknown_token_id",
    "sep": "seperator_token_id",  # GGUF spells it so
    "pad": "padding_token_id",
    "mask": "mask_token_id",
    "eot": "eot_token_id",
    "eom": "eom_token_id",
}
"""Name of a special token -> GGUF's key of its row, after `tokenizer.ggml.`"""

ALWAYS = ("bos", "eos", "unk", "sep", "pad", "mask")
"""Those that are looked for in every checkpoint."""

ADDED_BY_ITSELF = ("bos", "eos", "sep")

NO_TOKEN = -1
"""What some config.json have in place of no row at all."""


@dataclass
class Special:
    """Texts and rows of special tokens by name, and whether one is added to every text."""

    texts: dict[str, str] = field(default_factory=dict)
    adds: dict[str, bool] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def read_special(folder: Folder, count: int) -> Special:
    """The special tokens of a folder whose vocabulary has `count` rows."""
    path = folder.file(SETTINGS)
    special = Special({
        name: said
        for name in (*ALWAYS, "cls", "eot", "eom")
        if (said := text_of(folder.settings.get(f"{name}_token"))) is not None
    })  # fmt: skip
    looked_for = list(ALWAYS)
    if folder.tokenizer is not None:
        for name, instead in (("bos", "cls"), ("eos", "sep")):
            if not special.texts.get(name) and special.texts.get(instead):
                special.texts[name] = special.texts[instead]
        for step in processors(folder.file(TOKENIZER), folder.tokenizer):
            read_processor(folder, step, special, looked_for)
    for name in ADDED_BY_ITSELF:
        given = folder.settings.get(f"add_{name}_token")
        if given is not None and type(given) is not bool:
            wrong(path, f"add_{name}_token", given, "true or false")
        if given is not None:
            special.adds.setdefault(name, given)
    if folder.settings:
        rows_by_text(folder, special, looked_for, count)
    rows_by_config(folder, special, looked_for, count)
    return special


def text_of(given: object) -> str | None:
    """A special token's text, alone or in a table with more about the token."""
    content = given.get("content") if isinstance(given, dict) else given
    return content if type(content) is str else None


def processors(path: Path, tree: Tree) -> list[Tree]:
    """The steps of the post_processor."""
    found = table(path, tree, "post_processor")
    if "processors" in found:
        return tables(path, found, "processors")
    return [found] if found else []


def read_processor(folder: Folder, step: Tree, special: Special, looked_for: list[str]) -> None:
    """What one step adds to texts."""
    kind = step.get("type")
    if kind == "ByteLevel":  # it changes where tokens begin, and adds none
        special.adds.setdefault("bos", False)
        special.adds.setdefault("eos", False)
    elif kind == "TemplateProcessing":
        read_template(folder, step, special, looked_for)
    else:
        raise Refused(
            f"{shown(folder.file(TOKENIZER))}: post_processor is of the type {shown(kind)}",
            "ByteLevel and TemplateProcessing can be converted",
        )


def read_template(folder: Folder, step: Tree, special: Special, looked_for: list[str]) -> None:
    """A template: single [bos, A, eos], pair [bos, A, sep, B, eos], all but A and B optional."""
    path = folder.file(TOKENIZER)
    single, pair = tables(path, step, "single"), tables(path, step, "pair")
    first = marker(single[0]) if len(single) > 1 else None
    last = marker(single[-1]) if len(single) > 1 else None
    if first:
        begins(first, special)
    if last:
        ends(last, special, looked_for, bool(folder.settings))
    if first and pair and marker(pair[0]) == first:
        pair = pair[1:]
    if last and pair and marker(pair[-1]) == last:
        pair = pair[:-1]
    if len(pair) > 2 and (sequence(pair[0]), sequence(pair[-1])) == ("A", "B"):
        between(pair[1:-1], special, last)


def begins(first: str, special: Special) -> None:
    """`first` begins every text. It is the bos token, or the cls token if there is another bos."""
    special.texts.setdefault("bos", first)
    if first != special.texts["bos"]:
        special.texts.setdefault("cls", first)
    special.adds["bos"] = first in (special.texts["bos"], special.texts.get("cls"))


def ends(last: str, special: Special, looked_for: list[str], named: bool) -> None:
    """`last` ends every text, so it is the eos token. Another that was so `named` ends a turn."""
    before = special.texts.get("eos")
    if named and last != before:
        instead = next((name for name in ("eot", "eom") if name not in looked_for), None)
        if instead:
            looked_for.append(instead)
            if before is not None:
                special.texts[instead] = before
            else:
                special.texts.pop(instead, None)
    special.texts["eos"] = last
    special.adds["eos"] = True


def between(middle: Sequence[Tree], special: Special, last: str | None) -> None:
    """Whether the token between two texts is the sep or eos token."""
    ending = [text for text in map(special.texts.get, ("sep", "eos")) if text]
    one = marker(middle[0]) in ending and not last
    two = len(middle) == 2 and marker(middle[1]) in ending
    special.adds["sep"] = one or two
    if one or two:
        special.texts.setdefault("sep", special.texts.get("eos", ""))


def marker(part: Tree) -> str | None:
    """The special token at a place of a template."""
    found = part.get("SpecialToken")
    return text_of(found.get("id")) if isinstance(found, dict) else None


def sequence(part: Tree) -> str | None:
    """The text, A or B, at a place of a template."""
    found = part.get("Sequence")
    return text_of(found.get("id")) if isinstance(found, dict) else None


def rows_by_text(folder: Folder, special: Special, names: Sequence[str], count: int) -> None:
    """The rows of tokens that have texts, from tokenizer.json's added tokens."""
    rows: dict[str, int] = {}
    for added in in_tokenizer(folder):
        rows.setdefault(added.text, added.id)
    for name in names:
        row = rows.get(special.texts.get(name, ""))
        if row is not None:
            special.rows[name] = refuse_outside(folder.file(TOKENIZER), f"{name}_token", row, count)


def rows_by_config(folder: Folder, special: Special, names: Sequence[str], count: int) -> None:
    """The rows that config.json gives, or its text_config; a list of rows is ignored."""
    path = folder.file(CONFIG)
    inner = table(path, folder.config, "text_config")
    for name in names:
        key = f"{name}_token_id"
        given = folder.config.get(key)
        given = inner.get(key) if given is None else given
        if type(given) is int and given != NO_TOKEN and name not in special.rows:
            special.rows[name] = refuse_outside(path, key, given, count)


def refuse_outside(path: Path, key: str, row: int, count: int) -> int:
    """The row, if the vocabulary has it."""
    if not 0 <= row < count:
        raise InvalidFile(
            f"{shown(path)}: {key} is token {row:,}, and the vocabulary has {count:,}",
            "take tokenizer and config.json from the same checkpoint",
        )
    return row
