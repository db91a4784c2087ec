"""What a sentence gives as the reason for something: `kidney injury secondary to dehydration`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.said import Mention, Said

BECAUSE = re.compile(
    r"\b(?:due to|secondary to|because of|caused by|related to|resulting from|from|as a result of"
    r"|attributed to|after)\b",
    re.I,
)
FOR = re.compile(r"\b(?:for|to treat|to control|to help with|treated with|managed with)\b", re.I)
NAMED = ("finding", "disease", "organism", "drug", "procedure")
NEAR = 50  # characters between a linking word and what it links


class Link(NamedTuple):
    """Something and its reason, and where the reason is."""

    what: str
    reason: str
    span: Span


def links(said: Said) -> Iterator[Link]:
    """The links of a sentence: the nearest named things on either side of a linking word."""
    text, offset = said.sentence.text, said.sentence.span.start
    named = sorted(
        (m for m in said.mentions if m.concept.kind in NAMED and not m.context.hypothetical),
        key=lambda m: m.span,
    )
    for pattern in (BECAUSE, FOR):
        for match in pattern.finditer(text):
            before = [m for m in named if 0 <= match.start() + offset - m.span.end <= NEAR]
            behind = [m for m in named if 0 <= m.span.start - match.end() - offset <= NEAR // 2]
            if before and not behind and pattern is BECAUSE:
                yield from _unnamed(said, before[-1], match.end() + offset)
            if not before or not behind or _is_cut(text, offset, before[-1], behind[0]):
                continue
            what, why = before[-1], behind[0]
            if pattern is FOR and "drug" not in (what.concept.kind, why.concept.kind):
                continue
            if what.concept.name != why.concept.name:
                yield Link(what.concept.name, why.concept.name, why.span)


def _unnamed(said: Said, what: Mention, at: int) -> Iterator[Link]:
    """A reason that no list names, by its words: `fall due to a slippery floor`."""
    words = [m for m in said.mentions if m.concept.kind == "word" and 0 <= m.span.start - at <= 12]
    offset = said.sentence.span.start
    between = said.sentence.text[what.span.end - offset : at - offset]
    if words and not re.search(r"[.;:?!,]|\b(?:and|but|which|who)\b", between):
        yield Link(what.concept.name, words[0].concept.name, words[0].span)


def _is_cut(text: str, offset: int, before: Mention, behind: Mention) -> bool:
    """Whether a clause ends between the two."""
    between = text[before.span.end - offset : behind.span.start - offset]
    return re.search(r"[.;:?!]|\b(?:and|but|which|who)\b", between) is not None
