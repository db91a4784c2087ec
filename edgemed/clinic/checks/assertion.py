"""Findings that the draft says are so and the source says are not, or the other way round."""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.reading.text import Mention, Said
from edgemed.clinic.source import Source

COMPARED = ("finding", "disease", "drug", "procedure")
EITHER = {
    ("parent", "mother"), ("parent", "father"), ("sibling", "brother"), ("sibling", "sister"),
    ("child", "son"), ("child", "daughter"), ("grandparent", "grandmother"),
    ("grandparent", "grandfather"), ("spouse", "wife"), ("spouse", "husband"),
}  # fmt: skip


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each concept whose negation or bearer the source gives otherwise."""
    for mention in said.mentions:
        if mention.concept.kind not in COMPARED or mention.polarity == "open":
            continue
        others = source.mentions.get(mention.concept.name, [])
        yield from _polarity(mention, others)
        yield from _bearer(mention, others)


def _polarity(mention: Mention, others: list[tuple[int, Mention]]) -> Iterator[Flag]:
    """The source only ever says the opposite."""
    known = [m for _, m in others]
    if not known or any(m.polarity in (mention.polarity, "open") for m in known):
        return
    said = "negated" if mention.polarity == "no" else "affirmed"
    there = "affirms" if mention.polarity == "no" else "negates"
    severity: Severity = "major" if mention.concept.kind == "drug" else "minor"
    reason = f"{mention.concept.name} is {said} in the draft; the source {there} it"
    spans = tuple(m.span for m in known[:3])
    yield Flag("negation", "contradicted", severity, reason, mention.span, spans)


def _bearer(mention: Mention, others: list[tuple[int, Mention]]) -> Iterator[Flag]:
    """The source says it of other people only."""
    known = [m for _, m in others if m.polarity == mention.polarity]
    if mention.polarity == "no" or not known:
        return
    if any(same_person(mention.context.person, m.context.person) for m in known):
        return
    here, there = mention.context.person or "patient", known[0].context.person or "patient"
    reason = f"{mention.concept.name} is the {here}'s in the draft, the {there}'s in the source"
    spans = tuple(m.span for m in known[:3])
    yield Flag("experiencer", "contradicted", "minor", reason, mention.span, spans)


def same_person(a: str, b: str) -> bool:
    """Whether two names of people can mean one: `family` is any relative, a parent is either."""
    if a == b:
        return True
    if "family" in (a, b) and a and b:
        return True
    return (a, b) in EITHER or (b, a) in EITHER
