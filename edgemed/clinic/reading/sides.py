"""Left, right and both sides in a text, each with the words it is said of.

`right` is also `correct` and `at once`, `left` also `went away`; in speech most are. A side
counts where a part of the body or a finding is next to it, or a word such as `side`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.concepts import NamedAt, concepts
from edgemed.clinic.words import STOP, Word

Side = Literal["left", "right", "both"]
SIDES: dict[str, Side] = {
    "left": "left", "lefts": "left", "lt": "left", "l": "left",
    "left-sided": "left", "leftward": "left",
    "right": "right", "rt": "right", "r": "right", "rightward": "right",
    "rlq": "right", "ruq": "right", "rle": "right", "rue": "right", "rll": "right", "rul": "right",
    "llq": "left", "luq": "left", "lle": "left", "lue": "left", "lll": "left", "lul": "left",
    "od": "right", "os": "left", "ou": "both", "b/l": "both",
    "bilateral": "both", "bilaterally": "both", "bilat": "both", "both": "both",
}  # fmt: skip
BESIDE = frozenset("side sided hand handed upper lower sides lateral medial".split())
NOT_BEFORE_RIGHT = frozenset("all that's thats alright is was oh yeah yes okay be not".split())
NOT_AFTER = frozenset(
    """now away here there before after through so because around up over back that this and the a
    an when where it he she i we you off out for with at to untreated work home""".split()
)
# What follows `right` where it means correct.
CORRECT = frozenset(
    """thing things way direction decision time track amount answer choice person people place dose
    size medication medicine one ones foods kind word words question""".split()
)
OWNERS = frozenset("the his her my your their patient's".split())
COMPARED = ("and", "or", "than", "to", "versus", "vs", "greater", "worse", "more", "less", "not")
REACH = 4  # words on either side that a side can be said of
FAR = 9  # words before `on the left`, small ones among them


class Sided(NamedTuple):
    """A side, where it is, and the names and stems of what it is said of, nearest first."""

    side: Side
    span: Span
    of: tuple[str, ...]


def sides(text: str, found: Sequence[Word], things: Sequence[NamedAt]) -> Iterator[Sided]:
    """All sides among the words of one sentence, which have offsets into `text`."""
    yield from _compared(text, list(_sides(text, found, things)))


def _compared(text: str, sided: Sequence[Sided]) -> Iterator[Sided]:
    """Two sides that are compared belong to the same things: `my right hip more than my left`."""
    of = {s: s.of for s in sided}
    for a, b in pairwise(sided):
        is_near = b.span.start - a.span.end <= COMPARED_WITHIN
        if a.side != b.side and is_near and THAN.search(text, a.span.end, b.span.start):
            of[a] = of[b] = tuple(dict.fromkeys((*of[a], *of[b])))
    yield from (s._replace(of=of[s]) for s in sided)


JOINS = re.compile(r"\b(?:and|or)(?: (?:the|his|her|an?))? $", re.I)
COMPARED_WITHIN = 40  # characters between two sides that are compared
THAN = re.compile(r"\b(?:than|versus|vs\.?|compared (?:to|with))\b", re.I)


def _sides(text: str, found: Sequence[Word], things: Sequence[NamedAt]) -> Iterator[Sided]:
    named = {i: f.concept.name for f in things for i in range(f.first, f.last + 1)}
    for i, word in enumerate(found):
        side = SIDES.get(word.lower)
        if side is None or (len(word.lower) == 1 and not _is_letter(text, word)):
            continue
        of = _objects(text, found, i, named)
        if word.lower in EYES:
            if not _is_eye(text, word):
                continue
            of = ("eye", *of)
        elif len(word.lower) == 3 and word.lower[0] in "rl" and i in named:
            of = (named[i], *of)
        if _is_place(text, found, i) or _is_side(found, i, named, of):
            yield Sided(side, Span(word.start, word.end), of)


EYES = ("od", "os", "ou")
OF_EYES = re.compile(
    r"\b(?:eyes?|vision|visual|va|cataracts?|iop|glaucoma|retina\w*|pupils?)\b|\d/\d", re.I
)


def _is_eye(text: str, word: Word) -> bool:
    """`OD`, `OS`, `OU` in capitals where eyes are spoken of; small letters are a frequency."""
    return text[word.start : word.end].isupper() and OF_EYES.search(text) is not None


_NUMBERED = frozenset("0123456789/^[(")


def _is_letter(text: str, word: Word) -> bool:
    """`L` and `R` as sides: capitals, not part of a code or unit (`L5`, `g/L`, `M R I`)."""
    before, after = text[: word.start].rstrip(" "), text[word.end : word.end + 1]
    alone = not after.isdigit() and after not in ("/", "]", ")")
    spelled = re.search(r"\b[A-Z] $", text[: word.start]) or re.match(r" [A-Z]\b", text[word.end :])
    capital = text[word.start : word.end].isupper()
    return capital and alone and not spelled and before[-1:] not in _NUMBERED


def _objects(text: str, found: Sequence[Word], at: int, named: dict[int, str]) -> tuple[str, ...]:
    """What the side at `at` is said of: after it first, then before, inside the clause.

    Not beyond another side (`left arm and right leg`), but for two sides of one thing.
    """
    if at + 1 < len(found) and found[at + 1].lower in HANDED:
        return ("handedness",)
    names: list[str] = []
    behind = () if found[at].lower == "bilaterally" else range(at + 1, at + 1 + REACH)
    reach = FAR if _is_place(text, found, at) else REACH
    for i in [*_within(found, behind), *_within(found, range(at - 1, at - 1 - reach, -1))]:
        a, b = sorted((at, i))
        if re.search(r"[.;:?!]", text[found[a].end : found[b].start]):
            continue
        word = found[i]
        own = list(_within(found, behind))
        if i < at and parts_of(word) and any(parts_of(found[k]) for k in own):
            continue  # `the arm and the left leg`
        if i < at and any(k in named for k in own) and JOINS.search(text, 0, found[at].start):
            continue  # `knee replacement and bilateral cataract surgery`
        if i in named:
            names += [named[i], *parts_of(word)]
        elif word.lower not in STOP and word.lower not in SIDES and len(word.lower) > 2:
            names.append(word.stem)
    return tuple(dict.fromkeys(names))


def _is_place(text: str, found: Sequence[Word], at: int) -> bool:
    """`on the left` before a comma or an end: `An effusion is present on the left.`"""
    before = [word.lower for word in found[max(0, at - 2) : at]]
    rest = text[found[at].end :].lstrip()
    closed = rest[:1] in ("", ",", ".", ";", ")") or JOINED.match(rest) is not None
    return found[at].lower in ("left", "right") and before == ["on", "the"] and closed


JOINED = re.compile(r"(?:and|or|but|than|side)\b", re.IGNORECASE)
HANDED = ("handed", "hand-dominant")


def _within(found: Sequence[Word], places: Iterable[int]) -> Iterator[int]:
    """Places up to another side that has something of its own between it and here."""
    own = False
    for i in places:
        if not 0 <= i < len(found):
            return
        if found[i].lower in ("left", "right") and own:
            return
        own = own or found[i].lower not in (*COMPARED, *SIDES)
        yield i


def parts_of(word: Word) -> tuple[str, ...]:
    """The part of the body that a word names on its own, if any (the knee of `knee pain`)."""
    return _parts(word.lower, word.stem)


@cache
def _parts(lower: str, stem: str) -> tuple[str, ...]:
    found = concepts([Word(lower, stem, 0, len(lower))])
    return tuple(f.concept.name for f in found if f.concept.kind == "anatomy")


def _is_side(found: Sequence[Word], at: int, named: dict[int, str], of: tuple[str, ...]) -> bool:
    word = found[at].lower
    if word not in ("left", "right", "both"):
        return True
    before = found[at - 1].lower if at else ""
    after = found[at + 1].lower if at + 1 < len(found) else ""
    if word == "both":
        return at + 1 < len(found) and any(i in named for i in (at + 1, at + 2, at + 3))
    if at + 1 in named or at + 2 in named or after in BESIDE:
        return not (word == "right" and before in ("all", "alright"))
    if after in NOT_AFTER or (word == "right" and before in NOT_BEFORE_RIGHT):
        return False
    if word == "right" and after in CORRECT:
        return False
    if after in COMPARED and "than" in (w.lower for w in found[at + 1 : at + 4]):
        return True  # `left worse than right`
    if before in OWNERS and at + 1 < len(found) and after not in STOP:
        return True
    if before in ("the", "on", "both"):
        return at + 1 == len(found)
    if after not in STOP and any(i in named for i in range(at + 1, at + 1 + REACH)):
        return True  # `left non-healing foot ulcer`
    return before in ("my", "your", "his", "her", "upper", "lower") and bool(of)
