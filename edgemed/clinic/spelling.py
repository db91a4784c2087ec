"""Finds strings that cannot be words, such as random keystrokes, by their sequences of letters.

No dictionary is kept. The words of the lists show which three letters follow
each other; a word that has others, and that neither they nor the note have, is odd. An abbreviation
may be odd too, so a few odd words say nothing: in texts by people, a third at most are odd.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from edgemed.clinic.lists import SHIPPED, lines

LETTERS = re.compile(r"[^\W\d_]+")
SHORTEST = 3  # letters; what is shorter may be a unit, a side or an initial


def odd_words(text: str, source: str) -> list[str]:
    """Words of `text` that cannot be words, in small letters; `source`: whose words all count."""
    known = known_words()
    said = set(LETTERS.findall(source.lower()))
    return [
        word
        for word in LETTERS.findall(text.lower())
        if word not in known and word not in said and is_odd(word)
    ]


def is_odd(word: str) -> bool:
    """Whether it has three letters in a row that no known word has; its ends count as letters."""
    return len(word) >= SHORTEST and not set(rows(word)) <= known_rows()


@cache
def known_words() -> frozenset[str]:
    """Every word of the lists."""
    return frozenset(word for text in _texts() for word in LETTERS.findall(text.lower()))


@cache
def known_rows() -> frozenset[str]:
    """Every three letters in a row of a known word."""
    return frozenset(row for word in known_words() for row in rows(word))


def rows(word: str) -> Iterator[str]:
    """Three letters in a row, the ends of the word counted as letters."""
    ended = f"^{word}$"
    return (ended[at : at + 3] for at in range(len(ended) - 2))


def _texts() -> Iterable[str]:
    for path in sorted(SHIPPED.rglob("*.t[xs][tv]")):
        yield from lines(str(path.relative_to(SHIPPED)))
