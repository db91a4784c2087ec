"""Whether a text is English: the checks only know English and must say so when it is not.

Function words decide. Clinical shorthand has few of them, so a text counts as another language
only on positive evidence, and as unknown where there is too little of anything.
"""

import re
from typing import Literal

Language = Literal["English", "other", "unknown"]

ENGLISH = frozenset(
    "the and of to in is was with for no on at had has he she his her not are were be by or "
    "this that from as an it which denies patient history pain normal without there after".split()
)

# Words common in one language and rare in English clinical text.
OTHERS = frozenset(
    # Spanish, Portuguese, French, Italian
    "el los las del una por para que sin se su y paciente presenta dolor años refiere "
    "dos das em não uma le les des du et une dans pour avec sans est au aux qui ne pas douleur "
    "di della che nel sono dolore "
    # German, Dutch, Scandinavian
    "der das und mit ein eine von ist nicht bei keine wurde auf zur zum een niet geen met og "
    "ikke på til och inte som är "
    # Polish, Turkish, Indonesian, Vietnamese, in Latin letters
    "się jest nie oraz ve bir ile için olarak yang dan dengan tidak của và không".split()
)

ENOUGH = 3  # words of a language needed before it is named


LATIN_END = "ɏ"
"""The last of the extended Latin letters."""


def is_mostly_beyond(letters: list[str]) -> bool:
    """Whether many of the letters are of another script."""
    return sum(c > LATIN_END for c in letters) > 0.3 * len(letters)


def language_of(text: str) -> Language:
    """English, other, or unknown, by function words and by script."""
    if not any(c.isalpha() for c in text):
        return "unknown"
    if max(text) > LATIN_END and is_mostly_beyond([c for c in text if c.isalpha()]):
        return "other"
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = sum(word in ENGLISH for word in words)
    others = [word for word in words if word in OTHERS]
    # One such word again and again is shorthand, as OG for a tube is.
    if len(others) >= ENOUGH and len(set(others)) > 1 and len(others) > english:
        return "other"
    return "English" if english else "unknown"
