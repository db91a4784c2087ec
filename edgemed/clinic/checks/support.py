"""Which of the things that a claim states were found in the source with the same value.

A claim without a flag is not yet supported: it may say what no check looks at. `Supported` is said
only where everything that was read in it, to its last meaningful word, is in one place of the
source and says the same there; else what was not found is named.
"""

from collections.abc import Iterator
from typing import NamedTuple

from edgemed.clinic.checks.attributes import AGAINST, SAYS, bound
from edgemed.clinic.checks.laterality import bound_to
from edgemed.clinic.checks.numbers import is_held
from edgemed.clinic.checks.people import same_person
from edgemed.clinic.findings import Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.dates import agree
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

WEAK = frozenset(map(stem, words_of("weak.txt")))
BEFORE, AFTER = 2, 2  # sentences around the best one that count as one place
POLARITY = {"yes": "that it is so", "no": "that it is not so", "open": ""}


class Support(NamedTuple):
    """How many things of a claim were compared, and the names of those not found."""

    compared: int
    missing: tuple[str, ...]


def support(said: Said, span: Span, source: Source, places: list[int]) -> Support:
    """The claim at `span` compared with each of the source's `places`; the best counts."""
    found = [_at(said, span, source, place) for place in places]
    if not found:
        return Support(len(list(_stated(said, span))), ())
    return min(found, key=lambda s: len(s.missing))


def _stated(said: Said, span: Span) -> Iterator[Mention]:
    """What the claim names, weak words aside."""
    for mention in said.mentions:
        if span.start <= mention.span.start < span.end and mention.concept.name not in WEAK:
            yield mention


def _at(said: Said, span: Span, source: Source, place: int) -> Support:
    around = source.around(place, BEFORE, AFTER)
    stated = list(_stated(said, span))
    missing = [gap for mention in stated if (gap := _gap(mention, source, around))]
    missing += _attributes(said, span, source)
    missing += _figures(said, span, source)
    count = len(stated) + sum(span.start <= q.span.start < span.end for q in said.quantities)
    return Support(count, tuple(dict.fromkeys(missing)))


def _gap(mention: Mention, source: Source, around: range) -> str:
    """What the source's place lacks of a mention; empty where it says the same."""
    name = mention.concept.name
    there = [m for i in around for m in source.said[i].mentions if m.concept.name == name]
    if mention.concept.kind != "word" and not there:
        there = [m for _, m in source.mentions.get(name, ())]
    if not there:
        return name
    same = [m for m in there if m.polarity == mention.polarity or mention.polarity == "open"]
    if not same:
        return f"{POLARITY[mention.polarity]} ({name})"
    if mention.concept.kind in ("finding", "disease"):
        if not any(same_person(mention.context.person, m.context.person) for m in same):
            return f"whose {name}"
        if not mention.context.uncertain and all(m.context.uncertain for m in same):
            return f"certainty of {name}"
    return ""


def _attributes(said: Said, span: Span, source: Source) -> Iterator[str]:
    """Attributes and sides that the source does not give the same things."""
    inside = range(*span)
    for cue in said.cues:
        if cue.span.start in inside and not cue.spoken and cue.attribute in AGAINST:
            own, against = bound(cue, source)
            for_it, against_it = (max((b.share for b in x), default=0.0) for x in (own, against))
            if not own or against_it > for_it:
                yield SAYS.get(cue.attribute, cue.attribute)
    for sided in said.sides:
        there = [s for _, s in bound_to(sided, source) if s.side == sided.side]
        if sided.span.start in inside and not there:
            yield "side"


def _figures(said: Said, span: Span, source: Source) -> Iterator[str]:
    """Numbers and dates that are nowhere in the source."""
    inside = range(*span)
    for q in said.quantities:
        held = any(is_held(q, other, source) for _, other in source.quantities)
        if q.span.start in inside and not q.implied and not held:
            yield q.text
    for date in said.dates:
        known = any(agree(date, other) for _, other in source.dates)
        if date.span.start in inside and not known:
            yield date.text
