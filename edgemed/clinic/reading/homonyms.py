"""Tells apart what one word may mean, by the words around it: `RA` after a saturation is room air.

Two lists: `homonyms.tsv` for words of which the lists know one meaning, `clipped.tsv` for short
forms of drug names that are other words too (`pred 40`, but `65 % pred`).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, cast

from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.concepts import Concept, ConceptKind, NamedAt
from edgemed.clinic.words import Word

# What comes after a drug that is taken.
TAKEN = (
    r"[\s:]*(?:\d+(?:\.\d+)?(?![\d.]*\s?(?:%|percent|y\.?o\b|years?|minutes?|hours?|lbs?\b|kg))"
    r"|x ?\d|(?:p\.?o\.?|iv|im|sl|inh|[bt]\.?i\.?d|qid|qd|qod|qhs|qam|qpm|q ?\d|daily|nightly"
    r"|weekly|prn|taper|burst|gtt|tabs?|caps?|load(?:ed)?)\b)"
)
# What comes before it.
TAKES = re.compile(
    r"\b(?:(?:re)?start(?:ed|ing)?|on|tak(?:es?|ing)|took|continu(?:e|es|ed|ing)|cont"
    r"|giv(?:e|en|ing)|gave|rx|prescribed|course of|finish(?:ed)?|stop(?:ped)?|hold(?:ing)?|held"
    r"|increas(?:e|ed|ing)|decreas(?:e|ed|ing)|wean(?:ed|ing)?|taper(?:ing)?|resumed?|refill(?:ed)?"
    r"|(?:switch|chang)(?:e|ed)? to|abx|meds?|medications?|off)\b[:\s]*"
    r"(?:(?:home|his|her|the|my|with|low dose|high dose) )*$"
)
MEDICATIONS = re.compile(r"\bmed(?:s|ications?)\b|\brx\b", re.IGNORECASE)


class Meaning(NamedTuple):
    """What a word is where both patterns fit; `concept` is none where it names nothing."""

    concept: Concept | None
    before: re.Pattern[str]
    behind: re.Pattern[str]
    taken: bool = False  # also where only a word of taking comes before it


def told_apart(
    text: str, section: str, found: Sequence[Word], named: Sequence[NamedAt]
) -> list[NamedAt]:
    """`named`, with the words of the two lists read by their surroundings."""
    spelled = [_spelled(text, word) for word in found]
    at = [i for i, word in enumerate(spelled) if word in _readings()]
    if not at:
        return list(named)
    text, section = text.lower(), section.lower()
    changed: dict[int, NamedAt | None] = {}
    for i in at:
        fits = next((r for r in _readings()[spelled[i]] if _fits(r, text, section, found[i])), None)
        alone = all(f.first == f.last for f in named if f.first <= i <= f.last)
        if fits is not None and alone:
            changed[i] = NamedAt(fits.concept, i, i) if fits.concept is not None else None
    kept = [f for f in named if f.first not in changed]
    return sorted([*kept, *(f for f in changed.values() if f)], key=lambda f: f.first)


def _spelled(text: str, word: Word) -> str:
    """The word; letters that are spoken one by one keep their spaces: `P T`."""
    whole = text[word.start : word.end]
    return whole.lower() if " " in whole else word.lower


def _fits(reading: Meaning, text: str, section: str, word: Word) -> bool:
    before = f"{section}\n{text[: word.start]}"
    if reading.before.search(before) is None:
        return False
    if reading.behind.match(text, word.end) is not None:
        return True
    return reading.taken and bool(TAKES.search(before) or MEDICATIONS.search(section))


@cache
def _readings() -> dict[str, tuple[Meaning, ...]]:
    found: dict[str, list[Meaning]] = defaultdict(list)
    for word, reading in (*_homonyms(), *_clipped()):
        found[word].append(reading)
    return {word: tuple(readings) for word, readings in found.items()}


def _homonyms() -> Iterator[tuple[str, Meaning]]:
    for word, before, behind, means in rows_of("homonyms.tsv"):
        kind, _, name = means.partition(": ")
        concept = Concept(cast("ConceptKind", kind), name) if name else None
        yield word, Meaning(concept, _pattern(before), _pattern(behind))


def _clipped() -> Iterator[tuple[str, Meaning]]:
    for word, drug, behind, never in rows_of("clipped.tsv"):
        before = "" if never == "-" else rf"(?s)\A(?!.*(?:{never})\Z)"
        taken = behind == "TAKEN"
        pattern = _pattern(TAKEN if taken else behind)
        yield word, Meaning(Concept("drug", drug), re.compile(before), pattern, taken)


def _pattern(written: str) -> re.Pattern[str]:
    return re.compile("" if written == "-" else written)
