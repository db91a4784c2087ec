"""Turns prompt pieces into token ids, with control tokens only where the template has them.

    <|start|>user<|end|>\\n\\n   Pt has <|eot_id|> in it   <|eot_id|>
    scaffold: control          literal: bytes of text      scaffold: control

The scaffolding is the text that the template puts around messages. Its control tokens are found
first. The text between two of them, scaffolding and messages, is tokenized as one run, so that
ordinary text gets the same ids that llama.cpp gives the whole rendered prompt. If the tokenizer
finds a token in a run that could steer the dialogue, the run is cut inside that token's name and
tokenized again.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from edgemed_models.base import ModelError
from edgemed_models.engine.prompt import Segment

JOINT = 4  # ids at the end of a text that may merge differently with what follows
ANCHOR = "\ue000"
"""A private-use character: no vocabulary joins it with the text after it."""


class Control(NamedTuple):
    """A token that structures a prompt.

    `eats_space`: white space after it in the scaffolding is dropped, as llama.cpp does for some
    models.
    """

    token: int
    eats_space: bool


class Vocabulary(Protocol):
    """What encoding needs of a tokenizer."""

    @property
    def adds_space(self) -> bool:
        """Whether a space is put before a text when it is tokenized."""
        ...

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Ids of `text`; control tokens in it are recognized only with `special`."""
        ...

    def controls_in(self, text: str) -> dict[str, Control]:
        """The structuring tokens that occur in `text`, by their own text."""
        ...

    def steers(self, token: int) -> bool:
        """Whether `token` is more than a piece of text: no message may contain it."""
        ...

    def special_text(self, token: int) -> str:
        """The name of a token that steers."""
        ...

    def separate(self, token: int) -> bool:
        """Whether `token` is matched first, and the text after it is tokenized separately."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of text that `token` stands for."""
        ...

    def begin(self) -> int | None:
        """The id that must begin every prompt, if the model needs one."""
        ...


def encode(vocabulary: Vocabulary, segments: Sequence[Segment]) -> list[int]:
    """Ids of a prompt. Message text gives no control token, whatever it contains.

    Raises ModelError if the vocabulary has no way to write one of its characters.
    """
    controls: dict[str, Control] = {}
    for segment in segments:
        if not segment.literal:
            controls |= vocabulary.controls_in(segment.text)
    ids: list[int] = []
    for run in runs(segments, controls):
        ids += [run.token] if isinstance(run, Control) else plain(vocabulary, run)
    begin = vocabulary.begin()
    return ids if begin is None or ids[:1] == [begin] else [begin, *ids]


def shared(
    vocabulary: Vocabulary, segments: Sequence[Segment], characters: int, prompt: Sequence[int]
) -> int:
    """How many ids of `prompt` (of `segments`) are shared by prompts that differ from it only after
    the first `characters` of the last message.

    The last few ids before that place are left out: they depend on what follows.
    """
    last = max((n for n, segment in enumerate(segments) if segment.literal), default=0)
    if not characters:
        return 0
    same = encode(vocabulary, [*segments[:last], Segment(segments[last].text[:characters], True)])
    most = max(0, len(same) - JOINT)
    return most if same[:most] == list(prompt[:most]) else 0


def runs(segments: Sequence[Segment], controls: dict[str, Control]) -> Iterator[str | Control]:
    """Control tokens and the plain text between them, in order; no message character is lost."""
    text, eats = "", False
    for segment in segments:
        for piece in [segment.text] if segment.literal else divided(segment.text, controls):
            control = None if segment.literal else controls.get(piece)
            if control is None:
                kept = piece.lstrip() if eats and not segment.literal else piece
                text, eats = text + kept, eats and not kept
                continue
            if text:
                yield text
            yield control
            text, eats = "", control.eats_space
    if text:
        yield text


def divided(text: str, controls: dict[str, Control]) -> list[str]:
    """`text` cut before and after every control token in it, longest names first."""
    if not controls:
        return [text]
    names = sorted(controls, key=len, reverse=True)
    return [p for p in re.split("(" + "|".join(map(re.escape, names)) + ")", text) if p]


def plain(vocabulary: Vocabulary, text: str) -> list[int]:
    """Ids of a run of text that stand for all of its bytes and include no token that steers.

    Names are cut as they are found; if a cut reveals another name, the next pass finds it.
    """
    names: set[str] = set()
    while True:
        pieces = cut(text, names)
        ids = vocabulary.tokenize(pieces[0], special=False)
        for piece in pieces[1:]:
            ids += inner(vocabulary, piece)
        found = {vocabulary.special_text(i) for i in set(ids) if vocabulary.steers(i)}
        if not found:
            return whole(vocabulary, ids, text)
        if any(name in names or len(name) < 2 or name not in text for name in found):
            raise unwritten()
        names |= found


def cut(text: str, names: set[str]) -> list[str]:
    """`text` in pieces none of which contains a whole name; joined they are `text` again."""
    if not names:
        return [text]
    longest = sorted(names, key=len, reverse=True)
    found = re.finditer("(?=" + "|".join(map(re.escape, longest)) + ")", text)
    places = [0, *(match.start() + 1 for match in found), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places) if a < b]


def inner(vocabulary: Vocabulary, text: str) -> list[int]:
    """Ids of text in the middle of a prompt: no space is added before it."""
    if vocabulary.adds_space:
        anchor = vocabulary.tokenize(ANCHOR, special=False)
        ids = vocabulary.tokenize(ANCHOR + text, special=False)
        if ids[: len(anchor)] == anchor:
            return ids[len(anchor) :]
    return vocabulary.tokenize(text, special=False)


def whole(vocabulary: Vocabulary, ids: list[int], text: str) -> list[int]:
    """`ids`, if they stand for exactly the bytes of `text`, apart from added spaces."""
    facts = {i: (vocabulary.piece(i), vocabulary.separate(i)) for i in set(ids)}
    data, fresh = bytearray(), vocabulary.adds_space
    for piece, separate in map(facts.__getitem__, ids):
        data += piece.removeprefix(b" ") if fresh and not separate else piece
        fresh = separate and vocabulary.adds_space
    if data != text.encode():
        raise unwritten()
    return ids


def unwritten() -> ModelError:
    """The error for a vocabulary that would lose or change some of the text."""
    return ModelError(
        "this model's vocabulary cannot write every character of the text",
        "use another model; edgemed does not leave characters out silently",
    )
