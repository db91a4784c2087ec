"""A drug that the draft says is taken and the source names as an allergen, or the other way."""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.allergens import is_allergen
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

TAKEN = re.compile(
    r"\b(?:takes?|taking|took|on|continue\w*|resume\w*|start\w*|prescri\w+|given|gave|use[sd]?"
    r"|using|treated with|receiv\w+|administ\w+|refill\w*)\b",
    re.I,
)
# Up to the drug: it is not to be taken.
NOT_TAKEN = re.compile(
    r"\b(?:not|never|n['’]t|cannot|unable to|avoid\w*|without|instead of|because of|due to|despite)"
    r"\b[^.;:]*$",
    re.I,
)
MEDICATIONS = re.compile(r"\b(?:medications?|meds|drugs|prescriptions?|treatment)\b", re.I)
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
        told = not source.is_talk or any(s.names_allergens for s in source.said)
        if here and mention.polarity == "yes" and not any(allergens) and told:
            yield _contradicted(mention, "an allergen in the draft, a drug in the note", there)
        elif not here and all(allergens) and is_taken(mention, said):
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


def is_taken(mention: Mention, said: Said) -> bool:
    """A drug in a list of medications, or after a word of taking it and no word of avoiding it."""
    text, start = said.sentence.text, mention.span.start - said.sentence.span.start
    if mention.polarity != "yes" or NOT_TAKEN.search(text, 0, start):
        return False
    listed = MEDICATIONS.search(said.sentence.section) or MEDICATIONS.match(text)
    return bool(listed or TAKEN.search(text))


def _contradicted(mention: Mention, says: str, there: list[tuple[int, Mention]]) -> Flag:
    spans = tuple(m.span for _, m in there[:3])
    reason = f"{mention.concept.name} is {says}"
    return Flag("allergy", "contradicted", "major", reason, mention.span, spans)
