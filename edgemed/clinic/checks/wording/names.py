"""Names of people and places that are in the draft and not in the source."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.lists import names_of, words_of
from edgemed.clinic.reading.dates import DAYS, MONTHS
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

_KIN = "|".join(w for w in names_of("people.txt") if w != "family")
_NAME = r"[A-Z][a-zà-ÿ]+(?:['’-][A-Z][a-zà-ÿ]+)*"
_NAMES = rf"{_NAME}(?: (?:[A-Z]\. )?{_NAME})*"
_TITLE = r"Dr|Doctor|Nurse|Prof|Professor|Mr|Mrs|Ms|Miss|Mx"
_PLACE = (
    "Hospital|Clinic|Center|Centre|Infirmary|University|Institute|Hospice|Pharmacy|Nursing Home"
    "|Street|Avenue|County|School"
)
_GOING = (
    r"(?:live[sd]?|living|resid\w+|born|grew up|works?|worked) (?:in|at)|(?:moved|travel\w*|flew"
    r"|trip|went) to|(?:returned|back|comes|came|originally|immigrated|travel\w*) from"
    r"|vacation(?:ed)? in"
)
PATTERNS = (
    re.compile(rf"\b(?:{_TITLE})\.?\s+(?P<name>{_NAMES})"),
    re.compile(rf"^(?P<name>{_NAME}(?: [A-Z]\.)? {_NAME}) (?=(?:is|was|has|presents?|reports?)\b)"),
    re.compile(rf"\b(?:named|called|{_KIN}|friend|neighbou?r),? (?P<name>{_NAMES})"),
    re.compile(rf"\b(?P<name>(?:{_NAME} (?:of )?)*{_NAME} (?:{_PLACE}))\b"),
    re.compile(rf"\b(?:{_GOING}) (?:the )?(?P<name>{_NAMES})"),
)
COMMON = frozenset([*MONTHS, *DAYS]) | words_of("stopwords.txt") | frozenset(
    f"{_PLACE} patient physical emergency primary medical general regional memorial".lower()
    .replace("|", " ").split()
)  # fmt: skip
ALIKE = 0.84  # similarity of a name as heard and as spelled, by matching letters


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each name of which the source has no part."""
    text, offset = said.sentence.text, said.sentence.span.start
    reached = 0
    for start, end in sorted({m.span("name") for p in PATTERNS for m in p.finditer(text)}):
        span = Span(start + offset, end + offset)
        if start < reached or is_thing(span, said) or is_held(text[start:end], source):
            continue
        reached = end
        reason = f"{text[start:end]} is not named in the note"
        yield Flag("name", "not found", "minor", reason, span)


def is_thing(span: Span, said: Said) -> bool:
    """Something that a list names, capitalised: `Urine Culture was obtained.`"""
    return any(
        m.concept.kind != "word" and m.span.start < span.end and span.start < m.span.end
        for m in said.mentions
    )


def is_held(name: str, source: Source) -> bool:
    """Whether the source has a part of the name, as spelled or nearly so."""
    parts = [part for part in re.split(r"[\s'’.-]+", name.lower()) if len(part) > 1]
    telling = [part for part in parts if part not in COMMON]
    return not telling or any(
        part in source.words or get_close_matches(part, source.words, 1, ALIKE) for part in telling
    )
