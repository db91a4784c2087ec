"""The value of a test, compared with the values that the source gives for the same test.

`Plt 138` may be the sodium's 138 of the same line. Only where both sides write the number right
after the test's name.
"""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.quantities.numbers import equal
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

# What may be between a test and its value.
BETWEEN = re.compile(
    r"[\s:=,(-]*(?:(?:is|was|of|at|level|levels|elevated|low|high|normal|slightly|today|to|up|down"
    r"|now|about|around|nice|and|slow|good|count|still|\(H\)|\(L\))[\s:=,(-]*)*"
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each value that no place gives the test."""
    for test, value in bound(said):
        places = sorted({i for i, _ in source.mentions.get(test.concept.name, ())})
        there = [
            other
            for i in places
            for same, first in bound(source.said[i])
            if same.concept.name == test.concept.name
            for other in up_to_next(source.said[i], same, first)
        ]
        if not there or any(equal(value, other) for other in there):
            continue
        if not any(is_comparable(value, other) for other in there):
            continue
        text = ", ".join(dict.fromkeys(q.text for q in there[:3]))
        reason = f"{test.concept.name} {value.text} in the draft; the note has {text}"
        spans = tuple(q.span for q in there[:3])
        yield Flag("number", "contradicted", "major", reason, value.span, spans)


def bound(said: Said) -> Iterator[tuple[Mention, Quantity]]:
    """Each test with the number right after its name."""
    text, offset = said.sentence.text, said.sentence.span.start
    for mention in said.mentions:
        if mention.concept.kind != "procedure":
            continue
        end = mention.span.end - offset
        behind = [q for q in said.quantities if q.span.start >= mention.span.end and not q.implied]
        first = min(behind, key=lambda q: q.span, default=None)
        if first is not None and BETWEEN.fullmatch(text, end, first.span.start - offset):
            yield mention, first


def up_to_next(said: Said, test: Mention, first: Quantity) -> list[Quantity]:
    """The first value of a test and the further ones before the next test's name."""
    tests = [m.span.start for m in said.mentions if m.concept.kind == "procedure"]
    end = min((t for t in tests if t >= first.span.end), default=said.sentence.span.end)
    return [q for q in said.quantities if first.span.start <= q.span.start < end]


def is_comparable(a: Quantity, b: Quantity) -> bool:
    """Both in one measure, or one without a unit."""
    return a.unit is None or b.unit is None or a.unit.dimension == b.unit.dimension
