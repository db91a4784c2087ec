"""Levels of the spine in a text: `L4-5`, and in talk `C six`."""

import re
from collections.abc import Iterator

from edgemed.clinic.reading.spoken import SMALL

WRITTEN = re.compile(
    r"\b(?P<letter>[CTLS])-?(?P<n>1[0-2]|[1-9])(?:-[CTLS]?(?P<m>1[0-2]|[1-9]))?(?![\w/.])"
)
_NUMBER = "|".join(word for word in SMALL if len(word) > 2)
SPOKEN = re.compile(rf"\b(?P<letter>[ctls]) ?(?P<n>{_NUMBER}|1[0-2]|[1-9])\b", re.I)


def levels(text: str) -> frozenset[str]:
    """All levels that a text names, as letter and number."""
    found = {code for match in WRITTEN.finditer(text) for code in levels_of(match)}
    for match in SPOKEN.finditer(text):
        number = match["n"].lower()
        found.add(f"{match['letter'].upper()}{SMALL.get(number, number)}")
    return frozenset(found)


def levels_of(match: re.Match[str]) -> Iterator[str]:
    """Both levels of `L4-5`."""
    for number in (match["n"], match["m"]):
        if number:
            yield f"{match['letter']}{number}"
