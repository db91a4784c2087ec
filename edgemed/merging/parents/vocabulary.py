"""How the vocabularies of several models relate, and which row of each belongs to which token.

    equal       the same tokens at the same numbers
    reordered   the same pieces at other numbers: rows are taken in the order of the host
    padded      the same pieces at the same numbers, and padding rows
    extended    one model, the host, has all pieces of the others and more
    chosen      the host was named; pieces that it lacks are left out
    union       asked for: all pieces of the first model, then what the others add

Reads headers only. Which rows are missing is decided here; how they are filled is in `token_rows`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.gguf import Metadata, Model, printable

KIND, PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"
TOKENS, TYPES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type"
SCORES, MERGES = "tokenizer.ggml.scores", "tokenizer.ggml.merges"

USUAL = {TYPES: 1, SCORES: 0.0}
"""The type and the score of a token for which the file states none."""
UNUSED = 5
"""llama.cpp's type of a token that only fills a row."""
PADDING = re.compile(r"\[PAD\d+\]|<pad_?\d+>|<unused_?pad\d+>")

RELATED = 0.5
"""Share of the smaller vocabulary that must be common before a choice or a union makes sense."""

ONE_BASE = "merge models that were trained from one base, with one vocabulary"
CHOOSE = "choose whose vocabulary the output has: A, B or union"


class Unrelated(Exception):
    """Why there is no common vocabulary: `what`, and the `remedy`."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The output's vocabulary: the host's metadata, with `replace` {key: (kind, value)} in it.

    `orders` holds, for every model, its row for each token of the output, -1 where it has none;
    empty if all rows are in place already.
    """

    kind: str
    host: Path
    orders: dict[Path, tuple[int, ...]]
    replace: dict[str, tuple[str, Any]]
    note: str


class TokenNumbers(NamedTuple):
    """One model's vocabulary: every token, and the number of each that is not padding."""

    model: Model
    tokens: list[str]
    numbers: dict[str, int]

    @property
    def name(self) -> str:
        return self.model.path.name


def relate(models: Sequence[Model], chosen: Model | None = None, union: bool = False) -> Lexicon:
    """How these vocabularies become one; Unrelated if they do not. The user's choice is always
    followed."""
    first = chosen or models[0]
    if all(same_value(models[0], m, TOKENS) for m in models):
        if chosen is None:
            refuse_other_rules(models)
        return Lexicon("equal", first.path, {}, {}, "")
    for other in models[1:]:
        refuse_other_kind(models[0], other)
    every = [pieces_of(model) for model in models]
    refuse_strangers(every)
    if chosen is not None:
        return ordered("chosen", next(p for p in every if p.model is chosen), every)
    hosts = [p for p in every if all(p.numbers.keys() >= o.numbers.keys() for o in every)]
    if not (hosts or union):
        raise Unrelated(f"the vocabularies differ: {first_difference(every)}", CHOOSE)
    if not hosts:
        return joined(every)
    host = max(hosts, key=lambda p: len(p.tokens))
    refuse_other_pieces(host, every)
    return ordered("extended", host, every)


def pieces_of(model: Model) -> TokenNumbers:
    """The tokens of one model; padding has no number."""
    metadata = model.metadata
    tokens: list[str] = metadata.get(TOKENS, [])
    types = metadata.get(TYPES, [0] * len(tokens))
    numbers: dict[str, int] = {}
    for i, (token, type) in enumerate(zip(tokens, types, strict=False)):  # there may be more types
        if type != UNUSED and not PADDING.fullmatch(token):
            numbers.setdefault(token, i)
    return TokenNumbers(model, tokens, numbers)


def ordered(kind: str, host: TokenNumbers, every: Sequence[TokenNumbers]) -> Lexicon:
    """All models in the order of the host's tokens."""
    orders = {p.model.path: order_of(p, host) for p in every}
    left_out = {t for p in every for t in p.numbers} - host.numbers.keys()
    lacking = [p.name for p in every if host.numbers.keys() - p.numbers.keys()]
    if kind == "extended" and not lacking:
        kind = "reordered" if any(moved(order) for order in orders.values()) else "padded"
    notes = {
        "padded": f"the vocabularies differ in padding alone; {host.name}'s is kept",
        "reordered": f"the tokens are in the order of {host.name}: rows of others are moved",
        "extended": f"{host.name} has tokens that {', '.join(lacking)} lacks: "
        "their rows come from the models that have them",
        "chosen": f"the vocabulary is that of {host.name}; {len(left_out):,} tokens of others are "
        "left out",
    }
    return Lexicon(kind, host.model.path, orders, {}, notes[kind])


def moved(order: Sequence[int]) -> bool:
    """Whether any row is at another place than in the output."""
    return any(row not in (-1, i) for i, row in enumerate(order))


def order_of(pieces: TokenNumbers, host: TokenNumbers) -> tuple[int, ...]:
    """The row of each of the host's tokens in another model; its own rows as they are."""
    if pieces.model is host.model:
        return tuple(range(len(host.tokens)))
    paddings = set(range(len(host.tokens))) - set(host.numbers.values())
    return tuple(
        -1 if i in paddings else pieces.numbers.get(token, -1)
        for i, token in enumerate(host.tokens)
    )


def joined(every: Sequence[TokenNumbers]) -> Lexicon:
    """The first model's tokens, then those that others add, in their order."""
    host = every[0]
    tokens = list(host.tokens)
    known = dict(host.numbers)
    origin: list[tuple[TokenNumbers, int]] = [(host, i) for i in range(len(tokens))]
    for other in every[1:]:
        for token, number in other.numbers.items():
            if token not in known:
                known[token] = len(tokens)
                tokens.append(token)
                origin.append((other, number))
    union = TokenNumbers(host.model, tokens, known)
    orders = {
        p.model.path: tuple(
            i if p is host and i < len(host.tokens) else p.numbers.get(t, -1)
            for i, t in enumerate(tokens)
        )
        for p in every
    }
    replace = {TOKENS: ("string[]", union.tokens)} | dict(joined_lists(every, origin))
    note = f"the union of all vocabularies has {len(tokens):,} tokens, {host.name}'s first"
    return Lexicon("union", host.model.path, orders, replace, note)


def joined_lists(
    every: Sequence[TokenNumbers], origin: Sequence[tuple[TokenNumbers, int]]
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Types and scores from the model a token is from; merges of all, the first model's first.

    What the first model states it must state of all tokens: where another model says nothing, a
    token is usual.
    """
    host = every[0].model.metadata
    for key, usual in USUAL.items():
        if key in host:
            values = {p.model.path: p.model.metadata.get(key) for p in every}
            found = ((values[p.model.path], number) for p, number in origin)
            one = [usual if v is None else v[number].item() for v, number in found]
            yield key, (host.type_of(key), one)
    if MERGES in host:
        merges = dict.fromkeys(m for p in every for m in p.model.metadata.get(MERGES, ()))
        yield MERGES, ("string[]", list(merges))


def refuse_other_kind(a: Model, b: Model) -> None:
    """Refuse vocabularies with different kinds of tokenizer or different pre-tokenizers."""
    for key, word in ((KIND, "kind of tokenizer"), (PRE, "pre-tokenizer")):
        ours, theirs = (m.metadata.get(key) for m in (a, b))
        if ours != theirs:
            raise Unrelated(
                f"the vocabularies differ: {word} ({key}) is {ours!r} in {a.path.name} and "
                f"{theirs!r} in {b.path.name}",
                ONE_BASE,
            )


def refuse_other_rules(models: Sequence[Model]) -> None:
    """Where the tokens are equal, the rules that split a text into them must be equal too."""
    words = {SCORES: "token scores", MERGES: "token merges"}
    for other in models[1:]:
        refuse_other_kind(models[0], other)
        for key, word in words.items():
            if not same_value(models[0], other, key):
                raise Unrelated(
                    f"the vocabularies differ: {word} ({key}) of {models[0].path.name} and "
                    f"{other.path.name}",
                    f"{ONE_BASE}, or {CHOOSE}",
                )


def refuse_strangers(every: Sequence[TokenNumbers]) -> None:
    """Refuse vocabularies that share few tokens: the models are unrelated."""
    host = every[0]
    for other in every[1:]:
        common = len(host.numbers.keys() & other.numbers.keys())
        least = min(len(host.numbers), len(other.numbers))
        if least == 0 or common < RELATED * least:
            raise Unrelated(
                f"the vocabularies differ: {host.name} and {other.name} share {common:,} of "
                f"{len(host.numbers):,} and {len(other.numbers):,} tokens",
                ONE_BASE,
            )


def refuse_other_pieces(host: TokenNumbers, every: Sequence[TokenNumbers]) -> None:
    """The common tokens must come from the same rules: scores and merges agree."""
    scores, merges = host.model.metadata.get(SCORES), set(host.model.metadata.get(MERGES, ()))
    for other in every:
        metadata = other.model.metadata
        if scores is not None and SCORES in metadata and other is not host:
            theirs = metadata[SCORES]
            for token, number in other.numbers.items():
                if theirs[number] != scores[host.numbers[token]]:
                    raise Unrelated(
                        f"the vocabularies differ: the score of {printable(token)!r} in "
                        f"{host.name} and {other.name}",
                        CHOOSE,
                    )
        missing = set(metadata.get(MERGES, ())) - merges
        if missing:
            raise Unrelated(
                f"the vocabularies differ: {len(missing):,} token merges of {other.name} are "
                f"unknown to {host.name}",
                CHOOSE,
            )


def first_difference(every: Sequence[TokenNumbers]) -> str:
    """The first difference of two vocabularies, for a message."""
    a = every[0]
    b = next(p for p in every if p.tokens != a.tokens)
    if len(a.tokens) != len(b.tokens):
        sizes = f"{len(a.tokens):,} tokens in {a.name} and {len(b.tokens):,} in {b.name}"
        only = next((t for t in a.numbers if t not in b.numbers), None)
        return sizes if only is None else f"{sizes}; {printable(only)!r} is only in {a.name}"
    at = next(i for i, (x, y) in enumerate(zip(a.tokens, b.tokens, strict=True)) if x != y)
    ours, theirs = printable(a.tokens[at]), printable(b.tokens[at])
    return (
        f"tokens ({TOKENS}) of {a.name} and {b.name}, the first is number {at}: "
        f"{ours!r} and {theirs!r}"
    )


def same_value(a: Model, b: Model, key: str) -> bool:
    """The same bytes in both, or in neither."""
    return raw_or_none(a.metadata, key) == raw_or_none(b.metadata, key)


def raw_or_none(metadata: Metadata, key: str) -> bytes | None:
    """A value's bytes; None where there is no such key."""
    return metadata.raw(key) if key in metadata else None
