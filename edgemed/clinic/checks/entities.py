"""Drugs, findings, diseases, organisms and procedures named in the draft and not in the source."""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.lists import names_of
from edgemed.clinic.reading.concepts import Concept, key
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.source import Source

LISTS = {
    "drug": "drugs.txt",
    "finding": "findings.txt",
    "disease": "diseases.txt",
    "organism": "organisms.txt",
    "procedure": "procedures.txt",
}
GRAVE = ("drug", "procedure")
# Said in too many ways to miss.
PLAIN = frozenset(("death", "surgery", "immunization", "stress", "discharge"))
NEARED = 0.42  # cosine from which a phrase counts as met; chosen on the development sets
NEARED_IN_NOTE = 0.6  # the same where clinicians wrote both sides, in the same words
LABEL = re.compile(r"[^:.]{1,48}:\s")  # `Patient education and counseling: `


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each thing said to be so that no words of the source name."""
    label = LABEL.match(said.sentence.text)
    start = said.sentence.span.start + (label.end() if label else 0)
    for mention in said.mentions:
        drug = mention.concept.kind == "drug"
        if mention.concept.name in PLAIN:
            continue
        if mention.concept.kind not in LISTS or mention.span.start < start:
            continue
        if (mention.polarity != "yes" and not drug) or is_named(mention, source):
            continue
        if not drug and _is_neared(said, mention, source):
            continue
        severity: Severity = "major" if mention.concept.kind in GRAVE else "minor"
        reason = f"{mention.concept.kind} {mention.concept.name} is not in the source"
        yield Flag("entity", "not found", severity, reason, mention.span)


def is_named(mention: Mention, source: Source) -> bool:
    """The concept, or all words of one of its names within one sentence."""
    if mention.concept.name in source.mentions:
        return True
    return any(_within_a_sentence(stems, source) for stems in ways(mention.concept))


def _is_neared(said: Said, mention: Mention, source: Source) -> bool:
    """Whether the source comes near the thing in words that no list joins to it."""
    start = said.sentence.span.start
    phrase = said.sentence.text[mention.span.start - start : mention.span.end - start].lower()
    phrases = {phrase, mention.concept.name}
    least = NEARED if source.is_talk else NEARED_IN_NOTE
    return any(float(source.index.cosines(p).max(initial=0)) >= least for p in phrases)


def ways(concept: Concept) -> list[tuple[str, ...]]:
    """All names of a concept as stems."""
    said = names_of(LISTS[concept.kind]).get(concept.name, (concept.name,))
    return [key(phrase) for phrase in said]


def _within_a_sentence(stems: tuple[str, ...], source: Source) -> bool:
    places = [set(source.stems.get(stem, ())) for stem in stems]
    return bool(places) and bool(set.intersection(*places))
