"""A drug that the draft says is taken and the source names as an allergen, or the other way."""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.omissions import is_allergen
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

TAKEN = re.compile(
    r"\b(?:takes?|taking|on|continue\w*|start\w*|prescri\w+|given|gave|use[sd]?|using)\b", re.I
)
NONE = re.compile(
    r"\b(?:no known (?:\w+ )?allerg|nkda\b|no (?:\w+ )?allergies\b|denies (?:any )?allerg)", re.I
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each drug whose place the source gives otherwise, or a denial of allergies."""
    for mention in said.mentions:
        there = source.mentions.get(mention.concept.name, [])
        if mention.concept.kind != "drug" or not there:
            continue
        here = is_allergen(mention, said)
        allergens = [is_allergen(m, source.said[i]) for i, m in there]
        if here and mention.polarity == "yes" and not any(allergens) and not source.is_talk:
            yield _contradicted(mention, "an allergen in the draft, a drug in the note", there)
        elif not here and all(allergens) and TAKEN.search(said.sentence.text):
            yield _contradicted(mention, "taken in the draft, an allergen in the note", there)
    match = NONE.search(said.sentence.text)
    if match is not None:
        known = [m for said_there in source.said for m in said_there.mentions
                 if m.polarity == "yes" and is_allergen(m, said_there)]  # fmt: skip
        if known:
            start = said.sentence.span.start
            span = said.sentence.span._replace(start=start + match.start(), end=start + match.end())
            reason = f"no allergies in the draft; the note has {known[0].concept.name}"
            yield Flag("allergy", "contradicted", "major", reason, span, (known[0].span,))


def _contradicted(mention: Mention, says: str, there: list[tuple[int, Mention]]) -> Flag:
    spans = tuple(m.span for _, m in there[:3])
    reason = f"{mention.concept.name} is {says}"
    return Flag("allergy", "contradicted", "major", reason, mention.span, spans)
