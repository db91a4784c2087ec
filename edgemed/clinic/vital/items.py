"""Items of the vital check, and the words that announce them in a sentence (`lists/vital.tsv`)."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.dates import Date
from edgemed.clinic.reading.said import Mention, Said

GENERAL = "general"  # the state of an item that does not say which one it means
ENDED = frozenset(("stopped", "held"))
NEAR = 60  # characters between words of a kind and what they are said of
LISTED = ("procedure", "organism", "finding", "disease")
TOPICS = ("allergy", "follow-up")  # never items of another kind
SHOWN = 70  # characters of a sentence that is shown


class VitalItem(NamedTuple):
    """One thing that must not be lost: its kind, its name, the words to show, and where.

    `names` identify it if a whole sentence tells the kind; `state` is "", `GENERAL`, "stopped" or
    "held", or the level of a result; `values` are the times of a follow-up in days or the numbers
    of a result, `dates` are a follow-up's.
    """

    kind: str
    name: str
    shown: str
    span: Span
    names: frozenset[str] = frozenset()
    state: str = ""
    values: tuple[float, ...] = ()
    dates: tuple[Date, ...] = ()
    unclear: bool = False


class VitalRow(NamedTuple):
    """One row of the list."""

    kind: str
    tells: str
    name: str
    pattern: re.Pattern[str]


@cache
def rows(kind: str, tells: str) -> tuple[VitalRow, ...]:
    """The rows of a kind that tell the same, in the order of the list."""
    return tuple(
        VitalRow(kind, tells, row[2], re.compile(rf"(?<![\w-])(?:{row[3]})(?!\w)", re.IGNORECASE))
        for row in rows_of("vital.tsv")
        if row[:2] == (kind, tells)
    )


@cache
def anchors(kind: str) -> tuple[str, ...]:
    """Parts of words of which every sentence of the kind has one; none where all are read."""
    return tuple(part for row in rows_of("vital.tsv") if row[:2] == (kind, "anchor")
                 for part in row[3].split())  # fmt: skip


def may_hold(said: Said, kind: str) -> bool:
    """Whether the sentence can be of the kind, at a glance: most are not."""
    text = said.sentence.text.lower()
    return any(part in text for part in anchors(kind))


def places(said: Said, kind: str, tells: str) -> Iterator[tuple[VitalRow, int, int]]:
    """Where the sentence has words of the rows, in characters of the sentence."""
    for row in rows(kind, tells):
        for match in row.pattern.finditer(said.sentence.text):
            yield row, match.start(), match.end()


def asks(said: Said) -> bool:
    """Whether somebody is asked; in a written text a question mark means doubt instead."""
    return said.asks and bool(said.sentence.role)


def is_unclear(said: Said, kind: str) -> bool:
    """Whether the sentence leaves the matter open."""
    doubted = said.asks and not said.sentence.role
    return doubted or next(places(said, kind, "unclear"), None) is not None


def own(mention: Mention) -> bool:
    """Whether it is about the patient."""
    return not mention.context.person


def is_so(said: Said, start: int, end: int) -> bool:
    """Whether what is at these characters is affirmed of the patient."""
    there = at(said, start, end)
    return all(m.polarity == "yes" and own(m) for m in there)


def at(said: Said, start: int, end: int) -> list[Mention]:
    """What is named at these characters of the sentence."""
    offset = said.sentence.span.start
    return [m for m in said.mentions
            if m.span.start - offset < end and start < m.span.end - offset]  # fmt: skip


def of_sentence(kind: str, said: Said) -> VitalItem:
    """An item that a whole sentence tells, by what it names."""
    names = frozenset(m.concept.name for m in said.mentions if m.concept.kind in LISTED
                      and m.concept.name not in TOPICS)  # fmt: skip
    return VitalItem(kind, "", clipped(said.sentence.text), said.sentence.span, names,
                unclear=is_unclear(said, kind))  # fmt: skip


def span_of(said: Said, start: int, end: int) -> Span:
    """The place of these characters of the sentence in its text."""
    offset = said.sentence.span.start
    return Span(start + offset, end + offset)


def clipped(text: str) -> str:
    """A sentence in one line, its first words where it is long."""
    text = " ".join(text.split())
    if len(text) <= SHOWN:
        return text
    end = text.rfind(" ", 0, SHOWN)
    return f"{text[: end if end > 0 else SHOWN]} [...]"
