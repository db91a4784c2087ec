"""Prompt pieces to token ids: control tokens where the template has them, nowhere else.

    <|start|>user<|end|>\\n\\n   Pt has <|eot_id|> in it   <|eot_id|>
    scaffold: control          literal: bytes of text      scaffold: control

The control tokens of the scaffolding are found first. What lies between two of them, scaffolding
and message text alike, is one run of plain text and tokenized as one, so that ordinary text gets
the very ids that llama.cpp gives the whole rendered prompt.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from edgemed_models.engine.prompt import Segment


class Control(NamedTuple):
    """A token that structures a prompt.

    `eats_space`: scaffolding white space behind it is dropped, as llama.cpp does for some models.
    `parsed_in_text`: the tokenizer finds it in plain text too, and must be kept from it.
    """

    token: int
    eats_space: bool
    parsed_in_text: bool


class Vocabulary(Protocol):
    """What encoding needs of a tokenizer."""

    def tokenize(self, text: str, special: bool) -> list[int]:
        """Ids of `text`; control tokens are recognised in it only with `special`."""
        ...

    def controls_in(self, text: str) -> dict[str, Control]:
        """The structuring tokens that occur in `text`, by their own text."""
        ...

    def begin(self) -> int | None:
        """The id that must begin every prompt, if the model wants one."""
        ...


def encode(vocabulary: Vocabulary, segments: Sequence[Segment]) -> list[int]:
    """Ids of a prompt. Message text yields no control token, whatever stands in it."""
    controls: dict[str, Control] = {}
    for segment in segments:
        if not segment.literal:
            controls |= vocabulary.controls_in(segment.text)
    ids: list[int] = []
    for run in runs(segments, controls):
        if isinstance(run, Control):
            ids.append(run.token)
        else:
            ids += plain(vocabulary, run, controls)
    begin = vocabulary.begin()
    return ids if begin is None or ids[:1] == [begin] else [begin, *ids]


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


def plain(vocabulary: Vocabulary, text: str, controls: dict[str, Control]) -> list[int]:
    """Ids of a run of text. Some vocabularies match a structuring token even in plain text; its
    name is then tokenized in two halves, which match nothing."""
    parsed = {name: c for name, c in controls.items() if c.parsed_in_text and len(name) > 1}
    halves: list[str] = [""]
    for piece in divided(text, parsed):
        if piece in parsed:
            halves[-1] += piece[:1]
            halves.append(piece[1:])
        else:
            halves[-1] += piece
    return [token for half in halves for token in vocabulary.tokenize(half, special=False)]
