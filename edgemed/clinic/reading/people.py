"""Who is named in a sentence: relatives and others, each by one word (`mom` is the mother)."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from edgemed.clinic.lists import names_of


class Person(NamedTuple):
    """Someone named in a sentence, and where."""

    name: str
    start: int
    end: int


@cache
def pattern_of_persons() -> re.Pattern[str]:
    names = sorted((s for said in names_of("people.txt").values() for s in said), key=len)
    return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(n) for n in reversed(names))})(?!\w)(?!-)")


def people_in(text: str) -> Iterator[Person]:
    """People named in `text`: `my mom's brother` is an uncle, `on my mom's side` is nobody."""
    owner = ""
    start = -1
    hers = ("", -1)  # who `her sister` is, and where
    for m in pattern_of_persons().finditer(text):
        name = _person(m.group())
        begin = m.start()
        if owner and text[start:begin].strip() == "":
            name, begin = KIN.get((owner, name), name), begin
        if begin == hers[1]:
            name = hers[0]
        kin = HER_KIN.match(text, m.end())
        if kin is not None and name in ("mother", "father"):
            hers = (KIN[(name, kin["kin"])], kin.start("kin"))
        if text.startswith("'s", m.end()):
            owner, start = name, m.end() + 2
            if name in ("mother", "father", "parent", "family") and KIN_FOLLOWS.match(text, start):
                continue
        if AS_A.search(text[:begin]) is None:
            yield Person(name, begin, m.end())


# Whose brother is whose: `my mom's brother`, `dad's dad`.
KIN = {
    (parent, kin): relative
    for parent in ("mother", "father", "parent")
    for kin, relative in (
        ("brother", "uncle"),
        ("sister", "aunt"),
        ("mother", "grandmother"),
        ("father", "grandfather"),
        ("parent", "grandparent"),
    )
}
AS_A = re.compile(r"\b(?:as|since|when) (?:he was |she was |i was )?an? $")  # `as a child`
HER_KIN = re.compile(r" and (?:her|his) (?:\w+ )?(?P<kin>sister|brother)s?\b")
KIN_FOLLOWS = re.compile(r" (?:side|brother|sister|mother|father|mom|dad|parents)")


@cache
def _person(word: str) -> str:
    return next(name for name, said in names_of("people.txt").items() if word in said)
