"""Finds what an organism is resistant and sensitive to: `cipro resistant`, `S: nitrofurantoin`.

The drugs named there were tried on a culture. They are neither medication nor allergens.
"""

import re
from collections.abc import Iterator
from functools import cache

from edgemed.clinic.lists import lines
from edgemed.clinic.reading.said import Mention, Said

_SAYS = (
    r"(?:non-?|pan-?|multi-?)?(?:resist(?:ant|ance|s)?|susceptib(?:le|ility|ilities)"
    r"|sensitiv(?:e|ity|ities)|sens|susc|intermediate)"
)
# Before the drugs: `resistant to`, `R to`, `S:`.
AHEAD = re.compile(rf"\b(?:{_SAYS}(?:(?: only)? to\b|:)|[rsi](?: to\b|:))", re.IGNORECASE)
BEHIND = re.compile(rf"[ -]{{1,2}}(?:\([^)]*\) )?(?:is |are |was )?{_SAYS}\b", re.IGNORECASE)
# Where a list of them ends.
ENDS = re.compile(
    r"[.;]|\b(?:but|so|will|would|start\w*|switch\w*|chang\w+|treat\w*|given?|gave|on|takes?|taking"
    r"|continu\w+|plan|rx|nkda|allerg\w+|completed?|finish\w*|received|discharged)\b",
    re.IGNORECASE,
)
GERM = re.compile(
    r"\b(?:cultures?|u?cx|bcx|isolates?|isolated|gr[eo]w\w*|sensitivities|susceptib\w+"
    r"|resistan\w+|strains?|mic|organisms?|bacteri\w+|gram|e\.? ?coli|klebsiella|staph\w*|strep\w*"
    r"|mrsa|mssa|pseudomonas|entero\w+|proteus|uti|urine|colonies|cfu)\b",
    re.IGNORECASE,
)
PERSON = re.compile(
    r"\b(?:he|she|i|i'm|patient|pt|you|you're|they)\b[^.;]*$|\b(?:his|her|my) \w+ is [^.;]*$",
    re.IGNORECASE,
)


def is_tried_on_germ(mention: Mention, said: Said) -> bool:
    """Whether a drug is named as a susceptibility of an organism."""
    return is_antimicrobial(mention) and any(
        start <= mention.span.start - said.sentence.span.start < end
        for start, end in _stretches(said)
    )


@cache
def _names() -> tuple[str, ...]:
    return tuple(lines("antimicrobials.txt"))


def is_antimicrobial(mention: Mention) -> bool:
    """Whether it is an antimicrobial."""
    return mention.concept.kind == "drug" and mention.concept.name.startswith(_names())


def _stretches(said: Said) -> Iterator[tuple[int, int]]:
    """Stretches of the sentence that name drugs tried on a culture."""
    text = said.sentence.text
    for match in AHEAD.finditer(text):
        others = text[: match.start()] + text[match.end() :]
        of_person = PERSON.search(text[: match.start()]) and not GERM.search(others)
        if "sens" in match[0].lower() and of_person:
            continue  # `she is sensitive to penicillin`
        stop = ENDS.search(text, match.end())
        yield match.end(), stop.start() if stop else len(text)
    for mention in said.mentions:
        end = mention.span.end - said.sentence.span.start
        if BEHIND.match(text, end):
            yield mention.span.start - said.sentence.span.start, end
