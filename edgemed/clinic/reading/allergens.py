"""Finds drugs that are named as allergens, in notes and in talk."""

import re

from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

ALLERGY = re.compile(
    r"\ballerg(?:y|ies|ic)\b|\b(?:hyper)?sensitiv(?:e|ity) to\b|\bintoleran(?:t|ces?) (?:to|of)\b",
    re.I,
)
# What follows an allergen: `penicillin allergy`, `codeine causes nausea`, `sulfa (hives)`.
ALLERGEN = re.compile(
    r"[ -]{1,2}(?:allerg|intoleran|hypersensitiv|(?:caused?|causes|gives?|gave) (?:\w+ ){0,3}"
    r"(?:rash|hives|nausea|itching|swelling|anaphylaxis|reaction|angioedema|urticaria|vomiting))",
    re.I,
)
TAKEN = re.compile(r";|\b(?:takes?|taking|tolerat\w+|start\w*|given|gave|is on|but|now)\b", re.I)


def is_allergen(mention: Mention, said: Said) -> bool:
    """A drug that is not taken: named in a list of allergies or as the answer to a question about
    them, after `allergic to`, before `allergy`, or as what causes a reaction.

    Up to the next clause only: `allergic to penicillin; takes warfarin`, `penicillin allergy:
    azithromycin given`.
    """
    if mention.concept.kind != "drug":
        return False
    text, first = said.sentence.text, said.sentence.span.start
    start, behind = mention.span.start - first, text[mention.span.end - first :]
    listed = said.names_allergens or ALLERGY.search(said.sentence.section)
    if listed and not TAKEN.search(text[:start]):
        return True
    named = {m.span.end - first for m in said.mentions if m.concept.kind == "drug"}
    before = [
        m.end() for m in ALLERGY.finditer(text, 0, start)
        if m.start() - 1 not in named
    ]  # fmt: skip
    if before and not TAKEN.search(text[before[-1] : start]):
        return True
    return ALLERGEN.match(behind) is not None


def is_avoided(mention: Mention, source: Source) -> bool:
    """A drug that a draft says is not taken, and that the source names only as an allergen."""
    there = source.mentions.get(mention.concept.name, [])
    return (
        mention.polarity == "no"
        and bool(there)
        and all(is_allergen(m, source.said[i]) for i, m in there)
    )
