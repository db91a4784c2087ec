"""What the draft says is so and the source says is not, or the other way round."""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.source import Source

COMPARED = ("finding", "disease")


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each concept whose negation the source gives otherwise."""
    for mention in said.mentions:
        if mention.concept.kind not in COMPARED or mention.polarity == "open":
            continue
        others = source.mentions.get(mention.concept.name, [])
        yield from _polarity(mention, others)


def _polarity(mention: Mention, others: list[tuple[int, Mention]]) -> Iterator[Flag]:
    """The source only ever says the opposite."""
    known = [m for _, m in others]
    if mention.context.historical or mention.context.uncertain:
        return
    if any(m.polarity == mention.polarity for m in known):
        return
    if all(m.polarity == "open" for m in known):
        return
    said = "negated" if mention.polarity == "no" else "affirmed"
    there = "affirms" if mention.polarity == "no" else "negates"
    severity: Severity = "major" if mention.concept.kind == "drug" else "minor"
    reason = f"{mention.concept.name} is {said} in the draft; the source {there} it"
    spans = tuple(m.span for m in known[:3])
    yield Flag("negation", "contradicted", severity, reason, mention.span, spans)
