"""Whose finding it is: the patient's, a relative's, or someone's whom the source does not name."""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

COMPARED = ("finding", "disease")
BLOOD = frozenset(
    """mother father parent brother sister sibling grandmother grandfather grandparent aunt uncle
    cousin nephew niece family""".split()
)
# A word for several people may stand for each of them.
GROUPS = {
    "parent": {"mother", "father"},
    "sibling": {"brother", "sister"},
    "child": {"son", "daughter"},
    "grandparent": {"grandmother", "grandfather"},
    "spouse": {"wife", "husband"},
}
SPOUSES = ("wife", "husband", "spouse")
MARRIED = frozenset(("married", "spouse", "partner", "marriage"))
PARTNERS = frozenset(("boyfriend", "girlfriend", "fiance", "fiancee", "relationship"))
SAID_OF_ALL = frozenset(("death",))  # said about everyone so often that it distinguishes nobody
CLOSE = frozenset("mother father parent wife husband spouse son daughter child family".split())
SUBJECT = re.compile(r"\b(?:he|she|his|her|patient|mr|mrs|ms|they|i)\b", re.IGNORECASE)
AGES = re.compile(r"(?:[\s,-]|\d|year|and\b)*(?:-old|\bold|years?) ?", re.IGNORECASE)
SMALLEST_AGE = 10.0  # smaller numbers are too common to say whose they are


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each person the source does not name, or names with other findings."""
    for person in said.people:
        may_speak = source.has_relatives_speaking and person.name in CLOSE
        if not may_speak and not _is_named(person.name, source):
            reason = f"{person.name} is not mentioned in the note"
            span = Span(person.start, person.end)
            yield Flag("experiencer", "not found", "minor", reason, span)
    told = bool(said.people) or SUBJECT.search(said.sentence.text) is not None
    for mention in said.mentions:
        if mention.concept.kind in COMPARED and told and not source.has_relatives_speaking:
            yield from _bearer(mention, source)
    yield from _ages(said, source)


def _is_named(name: str, source: Source) -> bool:
    if name in SPOUSES and not source.words.isdisjoint(MARRIED | PARTNERS):
        return True
    return name == "family" or any(
        other != "family" and same_person(name, other) for other in source.people
    )


def _bearer(mention: Mention, source: Source) -> Iterator[Flag]:
    """The source gives the finding to other people only."""
    here = mention.context.person
    found = source.mentions.get(mention.concept.name, ())
    known = [m for _, m in found if m.polarity in (mention.polarity, "open")]
    if here and any(m.context.person not in ("", "family") for m in known):
        known = [m for m in known if m.context.person != "family"]  # someone is named: not anyone
    if mention.concept.name in SAID_OF_ALL or (here and mention.polarity == "no"):
        return
    if not known or any(same_person(here, m.context.person) for m in known):
        return
    beside = [(source.said[i], m) for i, m in found
              if not source.said[i].asks]  # fmt: skip
    if here and any(_may_share(here, said, m) for said, m in beside):
        return
    there = known[0].context.person
    if not here and (mention.polarity == "no" or there not in BLOOD):
        return
    reason = f"{mention.concept.name} is the {here or 'patient'}'s in the draft, "
    reason += f"the {there or 'patient'}'s in the note"
    spans = tuple(m.span for m in known[:3])
    yield Flag("experiencer", "contradicted", "minor", reason, mention.span, spans)


def _may_share(here: str, said: Said, mention: Mention) -> bool:
    """Whether the person is named with the finding, and not after it with another of his own.

    `Mother breast cancer, father MI` gives the father no cancer; `diabetes in mother and father`
    is about both.
    """
    for person in said.people:
        if not same_person(here, person.name):
            continue
        own = any(m.context.person == person.name and m.span.start > person.end
                  for m in said.mentions if m.concept.kind in COMPARED)  # fmt: skip
        if person.start < mention.span.start or not own:
            return True
    return False


def _ages(said: Said, source: Source) -> Iterator[Flag]:
    """A relative's age that the source gives to another relative."""
    for quantity in said.quantities:
        here = _person_behind(said, quantity) or _person_before(said, quantity.span.start)
        if not here or quantity.values[0] < SMALLEST_AGE:
            continue
        bearers = [
            (
                _person_behind(source.said[i], q)
                or _person_before(source.said[i], q.span.start)
                or source.said[i].carried,
                q,
            )
            for i, q in source.quantities
            if quantity.values[0] in q.values
        ]
        others = [(p, q) for p, q in bearers if p]
        if (
            others
            and len(others) == len(bearers)
            and not any(same_person(here, p) for p, _ in others)
        ):
            reason = f"{quantity.text} is the {others[0][0]}'s in the note, not the {here}'s"
            spans = tuple(q.span for _, q in others[:3])
            yield Flag("experiencer", "contradicted", "minor", reason, quantity.span, spans)


def _person_behind(said: Said, quantity: Quantity) -> str:
    """The person right after an age: `18- and 16-year-old brothers`."""
    text, start = said.sentence.text, said.sentence.span.start
    following = next((p for p in said.people if p.start >= quantity.span.end), None)
    if following is None:
        return ""
    between = text[quantity.span.end - start : following.start - start]
    aged = quantity.text.endswith("old") and not between.strip()
    return following.name if aged or AGES.fullmatch(between) else ""


def _person_before(said: Said, at: int) -> str:
    """The last person named before `at` in the sentence."""
    before = [p.name for p in said.people if p.end <= at]
    return before[-1] if before else ""


def same_person(a: str, b: str) -> bool:
    """Whether two names of people can mean one: `family` is any relative, a parent is either."""
    if a == b or ("family" in (a, b) and a and b):
        return True
    return b in GROUPS.get(a, ()) or a in GROUPS.get(b, ())
