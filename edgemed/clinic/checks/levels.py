"""High, low and normal results, in words or as laboratory flags (`[H]`, `[L]`)."""

import re
from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.said import Said
from edgemed.clinic.source import Source

WORDS = {
    "high": r"high|elevated|increased|raised|above normal|\[HH?\]|\(HH?\)",
    "low": r"low|decreased|reduced|below normal|\[LL?\]|\(LL?\)",
    "normal": r"normal|within normal limits|wnl|unremarkable",
}
LEVEL = re.compile(
    "|".join(rf"(?P<{level}>(?<!\w)(?:{words})(?!\w))" for level, words in WORDS.items()), re.I
)
REACH = 40  # characters between a level and what it is said of


class Level(NamedTuple):
    """A level and the names of what stands nearest to it."""

    level: str
    span: Span
    of: str


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each result whose level the source gives otherwise."""
    for level in levels(said):
        there = [
            other
            for i in {i for i, _ in source.mentions.get(level.of, ())}
            for other in levels(source.said[i])
            if other.of == level.of
        ]
        if there and all(other.level != level.level for other in there):
            reason = f"{level.of} is {level.level} in the draft, {there[0].level} in the source"
            spans = tuple(other.span for other in there[:3])
            yield Flag("level", "contradicted", "major", reason, level.span, spans)


def levels(said: Said) -> Iterator[Level]:
    """Levels of a sentence, each with the test or measurement nearest to it."""
    text, offset = said.sentence.text, said.sentence.span.start
    tests = [m for m in said.mentions if m.concept.kind == "procedure"]
    for match in LEVEL.finditer(text):
        start, end = match.start() + offset, match.end() + offset
        near = [
            (max(m.span.start - end, start - m.span.end), m)
            for m in tests
            if not re.search(
                r"[,;.]\s", text[min(m.span.end, end) - offset : max(m.span.start, start) - offset]
            )
        ]
        near = [n for n in near if 0 <= n[0] <= REACH]
        if near and match.lastgroup:
            yield Level(
                match.lastgroup, Span(start, end), min(near, key=itemgetter(0))[1].concept.name
            )
