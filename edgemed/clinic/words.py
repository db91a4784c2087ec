"""Words of a text with their offsets, in lower case, and the stem under which two words compare.

The stemmer is small on purpose: plural and tense endings only, so that a stem stays a word a
person can read in a reason. Knows no medicine.
"""

import re
from functools import cache
from typing import NamedTuple

from edgemed.clinic.lists import names_of, words_of

# `nonsmoker` and `afebrile` are two words, so that the finding is found and the denial too.
WORD = re.compile(
    r"(?<![A-Za-z])[A-HJ-Z](?: [A-Z]){1,5}(?![\w'’₂])|"
    r"(?:[Hh][Bb])?[Aa]1[Cc](?![A-Za-z])|[Ss][Pp][Oo][2₂]|[Oo][2₂](?![A-Za-z])"
    r"|[Nn]on(?=smok|drink|tend|diabet|alcohol)|[Aa](?=febrile)|[Aa]n(?=icteric)|[A-Za-zÀ-ÿ]+(?:['’][a-z]+)?"
)
STOP = words_of("stopwords.txt")


class Word(NamedTuple):
    """One word: as compared (lower case), its stem, and its offsets in the text."""

    lower: str
    stem: str
    start: int
    end: int


def words(text: str, offset: int = 0) -> list[Word]:
    """All words of `text`; `offset` is added to their positions."""
    found = []
    for match in WORD.finditer(text):
        lower = match.group().lower().replace("’", "'").replace(" ", "")  # `C V A` is `cva`
        found.append(Word(lower, stem(lower), match.start() + offset, match.end() + offset))
    return found


def content(found: list[Word]) -> list[Word]:
    """The words that carry meaning."""
    return [word for word in found if word.lower not in STOP and len(word.lower) > 1]


@cache
def stem(word: str) -> str:
    """`word` without plural and tense endings: `breathing` -> `breath`."""
    word = american(word.removesuffix("'s").replace("₂", "2"))
    word = _aliases().get(word, word)
    if word.endswith("eed"):
        return word  # `bleed`, `need`: no tense; `ble` is short for both legs
    for ending, instead, least in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= least:
            return _undouble(word[: len(word) - len(ending)] + instead)
    return word.removesuffix("e") if len(word) > 4 else word


@cache
def _aliases() -> dict[str, str]:
    """Plain words by other words for them: `meds`, `hurts`."""
    return {other: word for word, said in names_of("aliases.txt").items() for other in said}


def american(word: str) -> str:
    """The American spelling of a British one: `haemoglobin`, `oedema`, `tumour`, `diarrhoea`."""
    if len(word) < 6:
        return word
    word = word.replace("ae", "e").replace("oe", "e")
    return OUR.sub("or", word)


OUR = re.compile(r"our(?=s?$)")
ENDINGS = (
    ("ies", "y", 3),
    ("sses", "ss", 2),
    ("ness", "", 4),
    ("ing", "", 4),
    ("ied", "y", 3),
    ("ed", "", 3),
    ("es", "", 4),
    ("ss", "ss", 1),
    ("us", "us", 1),
    ("is", "is", 1),
    ("s", "", 3),
)


def _undouble(word: str) -> str:
    """`stopp` -> `stop`; a final e goes too, so that `taking` and `take` meet."""
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
        return word[:-1]
    return word.removesuffix("e") if len(word) > 4 else word
