"""What a sentence says about a thing it names: how severe, how sure, better or worse, continued.

`Mild tenderness`, `possible pneumonia`, `we will hold the lisinopril`: each has a cue from a list
(`attributes.tsv`) and something that the cue is said of. A cue on its own refers to what was named
before it: `How is your knee?` `Much better.`
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import rows_of, words_of
from edgemed.clinic.reading import spoken
from edgemed.clinic.reading.context import Scopes
from edgemed.clinic.reading.devices import ATTRIBUTE as DEVICE
from edgemed.clinic.reading.devices import with_devices
from edgemed.clinic.reading.said import Cue, Mention, Said
from edgemed.clinic.words import stem

LABELLED = re.compile(r"[^:.;]{1,40}:\s*(?:\w+\s+){0,2}")  # `Lyme titer: low`
REACH = 60  # characters from a cue to what it is said of
MOST = 6  # names that a cue is said of at most, and more in a list of drugs
BACK = 3  # earlier sentences that may name what a cue speaks of
CLAUSE = re.compile(r"[;:.?!,]\s|\b(?:but|while|although|though|however|which|who|because)\b", re.I)
ACTION = re.compile(
    r"[;.?!]\s|\b(?:but|because|due to|if|when|unless"
    r"|and (?:then )?(?:use|take|start|begin|continue|stop|hold|resume|increase|decrease)"
    r"|and (?:i'm|i'll|i will|i am|we're|we'll|we will|let's)"
    r"|(?:i'm|we're) (?:going to|gon na|gonna))\b",
    re.I,
)
# A cue followed by these is said of what is before it: `symptoms have increased since the fall`.
CLOSES = re.compile(
    r"\s+(?:since|because|from|per|but|and (?:he|she|it|they|is|was|the|there|then|has|had))\b",
    re.I,
)
# Nor is where a thing is what is severe: `intense in the frontal region of her head`.
WHERE = re.compile(r"\s+(?:in|over|at|on|around|along|across|near) (?:the|his|her|both|my)\b", re.I)
# A word after an action that is its object: `reduce her pain`, not `increased to 40 mg`.
OBJECT = re.compile(
    r"\s+(?!(?:to|by|from|in|at|with|for|and|or|as|on|since|until|after|because|when|if|last"
    r"|yesterday|today|this|ago|once|twice|daily|per|due|dose|again|now|back|over)\b)[a-z]",
    re.I,
)
PASSIVE = re.compile(r"\b(?:is|are|was|were|be|been|being|has|have|it|that|this)\s+(?:\w+ly\s+)?$")
# What is done to a thing named right before it: `losartan started, lisinopril stopped for cough`.
PARTICIPLE = re.compile(r"(?:ed|held|begun|d/?c['’]?d)$", re.I)
LISTS = re.compile(r", (?:and|or|&) ")
WORD = re.compile(r"[\w/'’]+")
# A drug after a participle that is its object: `a patient on warfarin started on amiodarone`.
ONTO = re.compile(r"\s+(?:back )?(?:on|to)\b[^,;:.]*")
POINTS = re.compile(r"\b(?:it|that|this|them|they|those|these|it's|that's)\b", re.I)
WEAK = frozenset(map(stem, words_of("weak.txt")))
# Words of time, which no cue is said of: `I quit about five years ago`.
OF_TIME = frozenset(
    map(
        stem,
        [*spoken.SMALL, *spoken.TENS, "hundred", "thousand", "ago", "now", "then", "back", "while"],
    )
)
SORTS = ("drug", "finding", "disease", "organism", "procedure", "anatomy")
TREATMENTS = ("drug", "procedure")
LISTED = ("drug", "finding", "disease", "organism", "procedure")


class ListedAttribute(NamedTuple):
    """One row of the list."""

    attribute: str
    value: str
    spoken: bool
    side: str
    pattern: re.Pattern[str]


class Occurrence(NamedTuple):
    """A row of the list met in a sentence."""

    row: ListedAttribute
    start: int
    end: int


def cues(text: str, offset: int, mentions: Sequence[Mention], scopes: Scopes) -> tuple[Cue, ...]:
    """All cues of a sentence that begins at `offset`, each with the names it is said of.

    What is denied (`did not help`) is not a cue.
    """
    found: list[Cue] = []
    for attribute, rows in _table().items():
        own = [place for place in _places(text, rows) if place.row.value != "nothing"]
        written = [place for place in own if not place.row.spoken]
        bound = _actions if attribute == "status" else _nearest
        for place in own:
            if scopes.at(place.start, place.end).negated and not place.row.spoken:
                continue
            cutting = [p for p in written if p.row.value != "current" or place.row == p.row]
            first = max((p.end for p in cutting if p.end <= place.start), default=0)
            last = min((p.start for p in cutting if p.start >= place.end), default=len(text))
            of = bound(text, offset, mentions, (first, place.start, place.end, last), place.row)
            span = Span(place.start + offset, place.end + offset)
            found.append(Cue(attribute, place.row.value, span, of, place.row.spoken))
    return tuple(sorted(found, key=lambda cue: cue.span))


def carried_on(said: list[Said]) -> Iterator[Said]:
    """The sentences, each cue that names nothing now said of what was named before it."""
    said = list(with_devices(said))
    for i, here in enumerate(said):
        if here.cues and not _is_own(here, here.cues):
            named = _named_before(said, i)
            if named:
                yield replace(
                    here,
                    cues=tuple(
                        c
                        if c.attribute == DEVICE or _is_own(here, (c,)) or not _refers(here, c)
                        else c._replace(of=(*c.of, *named))
                        for c in here.cues
                    ),
                )
                continue
        yield here


def _is_own(said: Said, found: Sequence[Cue]) -> bool:
    """Whether each cue is said of something that a list names."""
    listed = {m.concept.name for m in said.mentions if m.concept.kind in LISTED}
    return all(listed & set(cue.of) for cue in found)


def _refers(said: Said, cue: Cue) -> bool:
    """Whether the cue points back: it names nothing, or its sentence has a pronoun for a thing."""
    named = [n for n in cue.of if n not in WEAK and n not in OF_TIME]
    return (not named and cue.attribute != "doing") or POINTS.search(said.sentence.text) is not None


def _named_before(said: list[Said], at: int) -> tuple[str, ...]:
    """What was named last, a few sentences back at most."""
    for i in range(at - 1, max(-1, at - 1 - BACK), -1):
        if said[i].sentence.section != said[at].sentence.section:
            return ()
        named = [m.concept.name for m in said[i].mentions if m.concept.kind in SORTS]
        if any(m.concept.kind in LISTED for m in said[i].mentions):
            return tuple(dict.fromkeys(named))
    return ()


def _places(text: str, rows: Sequence[ListedAttribute]) -> list[Occurrence]:
    """The cues of one attribute in order: the longest where several meet."""
    met = [Occurrence(r, m.start(), m.end()) for r in rows for m in r.pattern.finditer(text)]
    met.sort(key=lambda p: (p.start - p.end, p.row.value != "nothing", p.row.spoken, p.start))
    taken: list[Occurrence] = []
    for place in met:
        if not any(place.start < p.end and p.start < place.end for p in taken):
            taken.append(place)
    return sorted(taken, key=lambda p: p.start)


def _nearest(
    text: str,
    offset: int,
    mentions: Sequence[Mention],
    at: tuple[int, int, int, int],
    row: ListedAttribute,
) -> tuple[str, ...]:
    """Names in the clause of a cue, nearest first, not beyond the next cue of its attribute."""
    first, start, end, last = at
    cuts = [m.start() for m in CLAUSE.finditer(text)]
    low = max([first, start - REACH, *(c for c in cuts if c < start)])
    high = min([last, end + REACH, *(c for c in cuts if c >= end)])
    if any(low <= m.span.start - offset < start for m in mentions) and _is_closed(text, end, row):
        high = end
    near: list[tuple[int, str]] = []
    for m in mentions:
        a, b = m.span.start - offset, m.span.end - offset
        if a < end and start < b and m.concept.kind in LISTED:
            near.append((-1, m.concept.name))
        elif end <= a and b <= high:
            near.append((a - end, m.concept.name))
        elif low <= a and b <= start and row.side != "behind":
            near.append((start - b, m.concept.name))
    if not near and LABELLED.fullmatch(text, 0, start):
        near = [(start - (m.span.end - offset), m.concept.name) for m in mentions
                if m.span.end - offset <= start]  # fmt: skip
    near.sort(key=lambda n: n[0])
    if row.attribute == "effect" and not any(
        m.concept.name == name for m in mentions if m.concept.kind in TREATMENTS for _, name in near
    ):
        near += [(0, name) for name in _treated_with(text, offset, mentions, start)]
    return tuple(dict.fromkeys(name for _, name in near))[:MOST]


def _is_closed(text: str, end: int, row: ListedAttribute) -> bool:
    """Whether what stands behind a cue is nothing that it is said of."""
    if CLOSES.match(text, end):
        return True
    return row.attribute == "severity" and WHERE.match(text, end) is not None


def _treated_with(text: str, offset: int, mentions: Sequence[Mention], start: int) -> Iterator[str]:
    """The treatments of the last earlier clause that has any: `tried ice, but it was no help`."""
    given = [m for m in mentions if m.concept.kind in TREATMENTS and m.span.end - offset <= start]
    if given:
        cuts = [m.end() for m in CLAUSE.finditer(text, 0, given[-1].span.start - offset)
                if m[0].strip() not in ",:"]  # fmt: skip
        yield from (m.concept.name for m in given if m.span.start - offset >= max(cuts, default=0))


def _actions(
    text: str,
    offset: int,
    mentions: Sequence[Mention],
    at: tuple[int, int, int, int],
    row: ListedAttribute,
) -> tuple[str, ...]:
    """What is continued, started or stopped: the list after the word, or what comes before it."""
    first, start, end, last = at
    cuts = [m.start() for m in ACTION.finditer(text)]
    low = max([first, *(c for c in cuts if c < start)])
    high = min([_own_end(text, end, last), *(c for c in cuts if c >= end)])
    behind = [m for m in mentions if end <= m.span.start - offset and m.span.end - offset <= high]
    before = [m for m in mentions if low <= m.span.start - offset and m.span.end - offset <= start]
    own = [
        m
        for m in mentions
        if m.concept.kind in LISTED and m.span.start - offset < end and start < m.span.end - offset
    ]
    behind = [*own, *behind]
    passive = PASSIVE.search(text[:start].lower()) is not None
    onto = (text[end : m.span.start - offset] for m in behind if m.concept.kind == "drug")
    terse = _is_terse(text, start, end) and not any(map(ONTO.fullmatch, onto))
    near = _named_right_before(text, start, offset, before, first == 0)
    if near and not own and (first > 0 if passive else terse):
        return tuple(dict.fromkeys(m.concept.name for m in near))
    if not passive and row.side != "before" and not own and behind and OBJECT.match(text, end):
        before = []
    order = (before, behind) if passive or row.side == "before" else (behind, before)
    for found in order:
        if any(m.concept.kind in LISTED for m in found):
            return tuple(dict.fromkeys(m.concept.name for m in found))
    if not behind and not before:  # `a heavy smoker, but then I quit`
        before = [m for m in mentions if m.span.end - offset <= start
                  and m.concept.kind in ("finding", "drug")][-1:]  # fmt: skip
    return tuple(dict.fromkeys(m.concept.name for m in (*behind, *before)))[:MOST]


def _is_terse(text: str, start: int, end: int) -> bool:
    """Whether a participle has no object: `lisinopril stopped for`, not `he stopped lisinopril`."""
    return PARTICIPLE.search(text[start:end]) is not None and not OBJECT.match(text, end)


def _named_right_before(
    text: str, start: int, offset: int, before: Sequence[Mention], alone: bool
) -> list[Mention]:
    """What is named before an action, with no comma between.

    If the action is `alone` in its sentence, the comma may be that of a list (`aspirin, statins,
    and warfarin stopped`). Of drugs and other things (`held for bradycardia and lisinopril
    continued`) only the drugs.
    """
    low = max(text.rfind(mark, 0, start) for mark in (", ", "; ", ": ", ". "))
    near = [m for m in before if m.span.start - offset > low or (alone and LISTS.match(text, low))]
    if not any(m.concept.kind in LISTED for m in near):
        return []
    return [m for m in near if m.concept.kind == "drug"] or near


def _own_end(text: str, end: int, last: int) -> int:
    """How far the list after an action goes, if the next one begins at `last`: in `continue
    metformin, lisinopril stopped` to the comma."""
    word = WORD.match(text, last)
    comma = text.rfind(", ", end, last)
    if word is None or comma < 0 or not _is_terse(text, word.start(), word.end()):
        return last
    return comma if WORD.search(text, comma, last) else last


@cache
def _table() -> dict[str, tuple[ListedAttribute, ...]]:
    """The rows of the list by attribute."""
    found: dict[str, list[ListedAttribute]] = {}
    for attribute, value, who, side, body in rows_of("attributes.tsv"):
        pattern = re.compile(rf"(?<![\w-])(?:{body})(?![\w-])", re.I)
        row = ListedAttribute(attribute, value, who == "spoken", side, pattern)
        found.setdefault(attribute, []).append(row)
    return {name: tuple(rows) for name, rows in found.items()}
