"""A sentence of the draft that is nearly one of the source, with the opposite word in its place.

`He felt worse when he got home` for `when I got home I felt better`: nothing that a list names gets
better or worse, so the check of attributes cannot see it; the sentence is recognized by its other
words. A denial turns a word around: `has not gotten worse` says the opposite of `got worse`.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from edgemed.clinic.checks.assertions.attributes import SAYS
from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.questions import is_question
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

LIKE = 0.55  # share of the word's context from which a sentence of the source is nearly the same
CLEARLY = 0.6  # share of that below which sentences with the same word are outweighed
FEWEST = 2  # words of context by which a sentence is recognised
DENIED = re.compile(
    r"(?:\b(?:not|never|no|without|denie[sd]|nor|fail(?:s|ed|ing|ure)? to)\b|n't\b)"
    r"(?:(?!\b(?:i|you|we|he|she|it|they)\b)[^,.;:]){0,24}$",
    re.IGNORECASE,
)


class SidedWord(NamedTuple):
    """A word of one of two sides, where it is in its sentence, and which side it says."""

    start: int
    end: int
    side: bool


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each attribute."""
    if said.asks:
        return
    for attribute, places in by_attribute(source).items():
        here = words(said.sentence.text, attribute)
        if len({word.side for word in here}) != 1:
            continue
        word, offset = here[0], said.sentence.span.start
        span = Span(word.start + offset, word.end + offset)
        company = {n: w for n, w in source.company(said, span).items() if w}
        if len(company) < FEWEST:
            continue
        scored = [(source.kept(company, i), other, i) for i, other in places]
        own = max((s for s, other, _ in scored if other.side == word.side), default=0.0)
        best = max((s for s in scored if s[1].side != word.side), default=None)
        if best is None or best[0] < LIKE or own >= CLEARLY * best[0]:
            continue
        start, at = source.span(best[2]).start, best[1]
        there = Span(at.start + start, at.end + start)
        name = SAYS.get(attribute, attribute)
        reason = f"{name}: {said.sentence.text[word.start : word.end]} in the draft; "
        reason += f"nearly the same sentence of the note has {source.text[slice(*there)]}"
        yield Flag(attribute, "contradicted", "minor", reason, span, (there,))


def by_attribute(source: Source) -> dict[str, list[tuple[int, SidedWord]]]:
    """The words in the source's statements, kept with it."""
    found = source.opposites
    if not found:
        for attribute in _sides():
            found[attribute] = [
                (i, word)
                for i, said in enumerate(source.said)
                if not said.asks and not (said.sentence.role and is_question(said))
                for word in words(said.sentence.text, attribute)
            ]
    return found


def words(text: str, attribute: str) -> list[SidedWord]:
    """The words of both sides in a sentence; a denied one counts for the other side."""
    return [
        SidedWord(
            m.start(), m.end(), (m["one"] is None) == (DENIED.search(text, 0, m.start()) is None)
        )
        for m in _sides()[attribute].finditer(text)
    ]


@cache
def _sides() -> dict[str, re.Pattern[str]]:
    return {
        attribute: re.compile(rf"\b(?:(?P<one>{one})|{other})\b", re.IGNORECASE)
        for attribute, one, other in rows_of("opposites.tsv")
    }
