"""Finds which of the things that a claim states are in the source with the same value.

A claim without a flag is not yet supported: it may say what no check looks at. `Supported` is said
only if everything that was read in it, to its last meaningful word, is in one place of the source
and says the same there; otherwise what was not found is named.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from edgemed.clinic.checks.assertions.attributes import AGAINST, SAYS, bound
from edgemed.clinic.checks.assertions.devices import agrees
from edgemed.clinic.checks.assertions.people import same_person
from edgemed.clinic.checks.entities.laterality import bound_to
from edgemed.clinic.checks.quantities.differences import is_difference
from edgemed.clinic.checks.quantities.frequencies import is_same
from edgemed.clinic.checks.quantities.numbers import is_held
from edgemed.clinic.findings import Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.dates import Date, agree
from edgemed.clinic.reading.devices import ATTRIBUTE as DEVICE
from edgemed.clinic.reading.frequencies import Detail, is_clock, rates, routes
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

WEAK = frozenset(map(stem, words_of("weak.txt")))
NEAR = 0.3  # share of a number's context in a sentence that holds it elsewhere
BEFORE, AFTER = 2, 2  # sentences around the best one that count as one place
FOR = re.compile(r"\bfor (?:about |around |approximately |the (?:past|last) )?$", re.I)
AHEAD = re.compile(r"\b(?:in|within|after|every) (?:about )?$", re.I)
POLARITY = {"yes": "presence", "no": "absence", "open": ""}


class Support(NamedTuple):
    """How many things of a claim were compared, and the names of those not found."""

    compared: int
    missing: tuple[str, ...]


def support(said: Said, span: Span, source: Source, places: list[int]) -> Support:
    """The claim at `span` compared with each of the source's `places`; the best counts."""
    stated = list(_stated(said, span))
    if not places:
        return Support(len(stated), ())
    everywhere = list(_attributes(said, span, source))
    found = [_at(said, span, source, place, stated, everywhere) for place in places]
    return min(found, key=lambda s: len(s.missing))


def _stated(said: Said, span: Span) -> Iterator[Mention]:
    """What the claim names, weak words aside, and words that are compared as something else."""
    parts = list(_compared_otherwise(said))
    for mention in said.mentions:
        if not span.start <= mention.span.start < span.end or mention.concept.name in WEAK:
            continue
        if mention.concept.kind != "word" or not any(
            part.start <= mention.span.start and mention.span.end <= part.end for part in parts
        ):
            yield mention


def _compared_otherwise(said: Said) -> Iterator[Span]:
    """Words of numbers, frequencies and routes, and of what becomes of a thing."""
    yield from (q.span for q in said.quantities)
    yield from (part.span for part in (*rates(said), *routes(said)))
    yield from (c.span for c in said.cues if c.attribute == "status" and not c.spoken)


def _at(
    said: Said,
    span: Span,
    source: Source,
    place: int,
    stated: Sequence[Mention],
    everywhere: Sequence[str],
) -> Support:
    """The claim, which states these things, compared with one place; `everywhere`: what the
    whole source lacks."""
    around = source.around(place, BEFORE, AFTER)
    missing = [gap for mention in stated if (gap := _gap(said, mention, source, around, place))]
    missing += everywhere
    missing += _sides(said, span, source, place)
    missing += _figures(said, span, source, around)
    missing += _regimen(said, span, source, around)
    told = [part.span for part in (*rates(said), *routes(said))]
    told += [q.span for q in said.quantities]
    count = len(stated) + sum(span.start <= part.start < span.end for part in told)
    return Support(count, tuple(dict.fromkeys(missing)))


def _gap(said: Said, mention: Mention, source: Source, around: range, place: int) -> str:
    """What the source's place lacks for a mention; empty if it says the same.

    The sentence itself decides where it names the thing, else those around it.
    """
    name = mention.concept.name
    there = [m for m in source.said[place].mentions if m.concept.name == name]
    there = there or [m for i in around for m in source.said[i].mentions if m.concept.name == name]
    if mention.concept.kind != "word" and not there:
        there = [m for _, m in source.mentions.get(name, ())]
    shown = written(said, mention)
    if not there:
        return shown
    same = [m for m in there if m.polarity == mention.polarity or mention.polarity == "open"]
    if not same:
        return f"{POLARITY[mention.polarity]} of {shown}"
    told = mention.concept.kind in ("finding", "disease")
    if told and not any(same_person(mention.context.person, m.context.person) for m in same):
        return f"whose {shown} it is"
    if told and not mention.context.historical and all(m.context.historical for m in same):
        return f"current {shown}"
    if not mention.context.uncertain and all(m.context.uncertain for m in same):
        return f"certainty of {shown}"
    return ""


def written(said: Said, mention: Mention) -> str:
    """A thing by its name, a plain word as the draft has it: it is known by its stem alone."""
    if mention.concept.kind != "word":
        return mention.concept.name
    start = said.sentence.span.start
    return said.sentence.text[mention.span.start - start : mention.span.end - start]


def _attributes(said: Said, span: Span, source: Source) -> Iterator[str]:
    """Attributes and sides that the source does not give the same things."""
    inside = range(*span)
    for cue in said.cues:
        if cue.span.start in inside and cue.attribute == DEVICE:
            lacking = [name for name in cue.of if not agrees(cue.value, name, source)]
            yield from (f"what became of the {name}" for name in lacking[:1])
        if cue.span.start in inside and not cue.spoken and cue.attribute in AGAINST:
            own, against = bound(cue, source)
            for_it, against_it = (max((b.share for b in x), default=0.0) for x in (own, against))
            only_in_talk = all(b.cue.spoken for b in own)  # which mean many things
            if not own or against_it > for_it or (against_it and only_in_talk):
                yield SAYS.get(cue.attribute, cue.attribute)


def _sides(said: Said, span: Span, source: Source, place: int) -> Iterator[str]:
    """Sides that the source does not give the same thing; its sentence decides if it has any."""
    inside = range(*span)
    for sided in said.sides:
        bound = bound_to(sided, source)
        here = [s for i, s in bound if i == place] or [s for _, s in bound]
        if sided.span.start in inside and not any(s.side == sided.side for s in here):
            yield "side"


def _figures(said: Said, span: Span, source: Source, around: range) -> Iterator[str]:
    """Numbers that are nowhere near, and dates that are nowhere said so fully."""
    inside, often = range(*span), [rate.span for rate in rates(said)]
    for q in said.quantities:
        if any(o.start <= q.span.start < o.end for o in often) or is_difference(q, said, source):
            continue
        held = [i for i, other in source.quantities if is_borne(q, said, other, source)]
        if q.span.start not in inside or q.implied:
            continue
        company = source.company(said, q.span)
        if lasts(q, said):
            held = [i for i in held if i in told_of(said, span, source)]
        if not any(i in around or source.kept(company, i) >= NEAR for i in held):
            yield q.text
    for date in said.dates:
        known = any(agree(date, other) and is_as_full(other, date) for _, other in source.dates)
        if date.span.start in inside and not known:
            yield date.text


def is_borne(quantity: Quantity, said: Said, other: Quantity, source: Source) -> bool:
    """Whether a number of the source is this one; a duration does not equal a future date."""
    if not is_held(quantity, other, source):
        return False
    return not (lasts(quantity, said) and is_ahead(other, source))


def lasts(quantity: Quantity, said: Said) -> bool:
    """How long something has lasted: `for 2 weeks`."""
    start = quantity.span.start - said.sentence.span.start
    timed = quantity.unit is not None and quantity.unit.dimension == "time"
    return timed and FOR.search(said.sentence.text, 0, start) is not None


def is_ahead(quantity: Quantity, source: Source) -> bool:
    """When something is to be done, not how long it lasts: `back in 2 weeks`."""
    return AHEAD.search(source.text, 0, quantity.span.start) is not None


def told_of(said: Said, span: Span, source: Source) -> frozenset[int]:
    """The sentences that speak of what the claim names, in talk also the next ones; all where it
    names nothing that a list knows."""
    names = {
        m.concept.name for m in said.mentions
        if m.concept.kind != "word" and span.start <= m.span.start < span.end
    }  # fmt: skip
    there = {i for name in names for i, _ in source.mentions.get(name, ())}
    if not there:
        return frozenset(range(len(source.said)))
    reach = AFTER if source.is_talk else 0
    return frozenset(j for i in there for j in source.around(i, reach, reach))


def _regimen(said: Said, span: Span, source: Source, around: range) -> Iterator[str]:
    """Frequencies and routes that nothing near states, in whatever words."""
    text, start = said.sentence.text, said.sentence.span.start
    near_rates = [rate for i, rate in source.rates if i in around]
    near_routes = {route.value for i, route in source.routes if i in around}
    for part in (*rates(said), *routes(said)):
        if not span.start <= part.span.start < span.end:
            continue
        borne = (
            part.value in near_routes
            if isinstance(part.value, str) and not is_clock(part)
            else any(is_same_rate(part, other) for other in near_rates)
        )
        if not borne:
            yield text[part.span.start - start : part.span.end - start]


def is_same_rate(a: Detail, b: Detail) -> bool:
    """As often, or at the same time of day."""
    if is_clock(a):
        return a.value == b.value
    return is_same(a, b)


def is_as_full(there: Date, here: Date) -> bool:
    """Whether a date of the source says each part that the draft says."""
    parts = ((there.year, here.year), (there.month, here.month), (there.day, here.day))
    return all(x is not None or y is None for x, y in parts)
