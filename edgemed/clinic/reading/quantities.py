"""Numbers in a text, with units and offsets: `20 mg`, `five weeks`, `120 over 80`, `2-3 days`.

Numerals may be English or continental (`1,234.5`, `5,9`), numbers may be spelled. A quantity has
several values where the text leaves the reading open. Dates are read by `dates`; their spans are
handed in and skipped.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from edgemed.clinic.findings import Span
from edgemed.clinic.reading import clock, spoken
from edgemed.clinic.reading.units import Unit, unit_behind, unit_of

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as read: possible values, unit if one is written, and where.

    `pair` is the other number in `120/80` or `3 out of 6` and `first` says which of the two
    this is. `implied` marks `a week`, where no number is written.
    """

    values: tuple[float, ...]
    unit: Unit | None
    span: Span
    text: str
    pair: float | None = None
    first: bool = False
    implied: bool = False


# Not inside a word or code (`T12`, `COVID-19`, the 5 of `L4-5`).
NUMERAL = (
    r"(?<![\w.,^])(?<![A-Za-z]-)(?<![A-Za-z]\d-)(?<![A-Za-z]\d\d-)"
    r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:[.,]\d+)?(?![A-Za-z]*\d)|(?<![\w.])\.\d+"
)
TIME_OF_DAY = Unit("{clock}", "time of day", 1.0)  # hours from midnight
MIXED = re.compile(r"(?<![\w/.])(?:(?P<whole>\d{1,2})[ -])?(?P<a>1|3)/(?P<b>2|3|4)(?![\d/])")
A = re.compile(r" an?(?= )")
HALF = re.compile(r" and a half\b")
JOIN = re.compile(r"\s*(?:-|–|—|to|or|and|through)\s*$")
OVER = re.compile(r"\s*(?:/|over|out of)\s*$", re.IGNORECASE)
IMPLIED = re.compile(
    r"\b(?:an?(?: (?:whole|full))?|last|this past|past|next|one whole)\s+(?:half an? )?"
    r"(?P<unit>week|month|year|day|hour|minute|decade|pack|tablet|pill|puff|mile)\b(?! old)",
    re.IGNORECASE,
)
AND_HALF = re.compile(
    r"\ban? (?P<unit>week|month|year|day|hour|minute|pack|tablet|pill|mile) and a half\b", re.I
)
# `a beer or two`: one is said too.
OR_TWO = re.compile(r"\ban? \w+ (?=or two\b)", re.IGNORECASE)
# A spoken point without a number before it: `point one two five`, `a . five centimeter`.
_DIGITS = "|".join(w for w in spoken.SMALL if w != "o") + "|" + "|".join(spoken.TENS)
POINTED = re.compile(
    rf"(?:(?<=\ba )\. |(?<!\w )\bpoint |(?:(?<=take )|(?<=was )|(?<=of )|(?<=by ))point )"
    rf"(?:{_DIGITS})(?:[ -](?:{_DIGITS}))*\b",
    re.I,
)
VULGAR = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3}
COUNTS = {"couple": 2.0, "dozen": 12.0, "once": 1.0, "twice": 2.0, "half": 0.5, "single": 1.0}
COUNT = re.compile(r"\b(?:couple|dozen|once|twice|half|single)\b", re.IGNORECASE)


# What an ordinal numbers, so that the number says which one: `second toe`.
ORDINAL_OF = re.compile(
    r" (?:toe|finger|digit|rib|metatarsal|metacarpal|trimester|degree|lumbar|cervical)\b", re.I
)


# British shorthand: `3/7` is three days, `2/52` two weeks, `6/12` six months, where the words
# around it speak of a time.
PART = re.compile(
    r"(?:(?:\b(?:for|in|past|last|over|review\w*|every|after|since|about|approx)|\bx)\s*)?"
    r"(?<![\d/.])(?P<n>\d{1,2})(?:\s?-\s?(?P<m>\d{1,2}))?\s?/\s?(?P<of>7|52|12)(?![\d/])"
    r"(?:\s*(?:ago|hx|history|h/o|of\b(?!\s*\d)|later|course|onset|previously))?",
    re.IGNORECASE,
)
PARTS = {"7": "days", "52": "weeks", "12": "months"}


def durations(text: str) -> Iterator[Quantity]:
    """Times written as parts of a week or a year."""
    for m in PART.finditer(text):
        bare = m.start() == m.start("n") and m.end() == m.end("of")
        if bare and m["of"] != "52":
            continue
        span = Span(m.start("n"), m.end("of"))
        values = tuple(float(v) for v in (m["n"], m["m"]) if v)
        yield Quantity(values, unit_of(PARTS[m["of"]]), span, text[span.start : span.end])


def quantities(text: str, skip: Iterable[Span] = ()) -> list[Quantity]:
    """All quantities of `text` in order, those inside `skip` left out."""
    short = list(durations(text))
    taken = [*skip, *(q.span for q in short)]
    found = [q for q in _numbers(text) if not _inside(q.span, taken)]
    found = _share_units(text, found)
    found = _pairs(text, found)
    return sorted([*short, *found, *_implied(text, found, taken)], key=lambda q: q.span)


def _inside(span: Span, taken: Iterable[Span]) -> bool:
    return any(span.start < t.end and t.start < span.end for t in taken)


def _numbers(text: str) -> Iterator[Quantity]:
    """Numerals and runs of number words, each with the unit right after it."""
    end = 0
    for match in _anything().finditer(text):
        if match.start() < end:
            continue
        end = match.end()
        more = AND_HALF.fullmatch(match.group())
        if more is not None:
            yield Quantity(
                (1.5,), unit_of(more["unit"].lower()), Span(*match.span()), match.group()
            )
            continue
        values, implied = _values(match.group())
        said = clock.HALF_DAY.match(text, end)
        if hours := clock.hours(match.group(), values, said):
            end = said.end() if said else end
            span = Span(match.start(), end)
            yield Quantity(hours, TIME_OF_DAY, span, text[span.start : span.end])
            continue
        half = HALF.match(text, end)
        if half is not None and values:
            values, end = (values[0] + 0.5, *values), half.end()
        article = A.match(text, end) if match.group().lower() == "half" else None
        unit, end = unit_behind(text, article.end() if article else end)
        span = Span(match.start(), end)
        implied = implied and ORDINAL_OF.match(text, end) is None
        yield Quantity(values, unit, span, text[span.start : end], implied=implied)


def _values(word: str) -> tuple[tuple[float, ...], bool]:
    """Readings of a number as written, and whether it is a count word or an ordinal."""
    lower = word.lower()
    times = clock.CLOCK.fullmatch(lower)
    mixed = MIXED.fullmatch(lower)
    if times is not None:
        return (float(times[1]),), False
    if mixed is not None:
        return (float(mixed["whole"] or 0) + float(mixed["a"]) / float(mixed["b"]),), False
    if word[-1] in VULGAR:
        return (float(word[:-1] or 0) + VULGAR[word[-1]],), False
    if lower[0].isdigit() or lower[:2].strip(".").isdigit():
        return numeral(word), False
    if lower.startswith((".", "point")):
        digits = spoken.readings(lower.lstrip(".").removeprefix("point").strip())[0]
        return (float(f"0.{digits:.0f}"),), False
    if lower in COUNTS:
        return (COUNTS[lower],), True
    if lower.split()[-1].split("-")[-1] in spoken.ORDINALS:
        parts = re.split("[ -]", lower)
        return (
            float(sum(spoken.ORDINALS.get(p, 0) or spoken.TENS.get(p, 0) for p in parts)),
        ), True
    return spoken.readings(lower), False


@cache
def _anything() -> re.Pattern[str]:
    ordinal = rf"\b(?:(?:{'|'.join(spoken.TENS)})[ -])?(?:{'|'.join(spoken.ORDINALS)})\b"
    vulgar = rf"\d*[{''.join(VULGAR)}]"
    parts = (
        vulgar,
        clock.CLOCK.pattern,
        MIXED.pattern,
        NUMERAL,
        re.sub(r"\?P<\w+>", "?:", AND_HALF.pattern),
        COUNT.pattern,
        ordinal,
        POINTED.pattern,
        spoken.RUN.pattern,
    )
    return re.compile("|".join(parts), re.IGNORECASE)


def numeral(word: str) -> tuple[float, ...]:
    """Readings of a numeral: `1,234` is a thousand or, on the continent, a little over one."""
    if "," not in word:
        return (float(word),)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", word):
        english = float(word.replace(",", ""))
        continental = word.count(",") == 1 and "." not in word
        return (english, float(word.replace(",", "."))) if continental else (english,)
    if re.fullmatch(r"\d+,\d+", word):
        return (float(word.replace(",", ".")),)
    return tuple(float(part) for part in re.split(r"[.,]", word) if part)


def _share_units(text: str, found: list[Quantity]) -> list[Quantity]:
    """`2-3 days`, `four or five weeks`: the first number has the second's unit."""
    shared = list(found)
    for i in range(len(found) - 2, -1, -1):
        here, after = shared[i], shared[i + 1]
        between = text[here.span.end : after.span.start]
        scale = SCALED.search(after.text)
        if scale is not None and JOIN.fullmatch(between) and here.values[0] < SCALED_BELOW:
            times = spoken.SCALES[scale[1].lower()]
            here = replace(here, values=(*here.values, here.values[0] * times))
            shared[i] = here
        if after.unit == TIME_OF_DAY and here.unit is None and here.values[0] > clock.NOON:
            continue
        listed = between.strip() == "," and same(here.values[0] + 1, after.values[0])
        if here.unit is None and after.unit is not None and (JOIN.fullmatch(between) or listed):
            values = clock.halves(here.values[0]) if after.unit == TIME_OF_DAY else here.values
            shared[i] = Quantity(values, after.unit, here.span, here.text)
    return shared


SCALED = re.compile(r"^\w+ (hundreds?|thousand)$", re.IGNORECASE)
SAID_TWICE = 3  # readings of a number said twice: both together, and each
SCALED_BELOW = 10.0  # `three to four hundred` begins at three hundred


def _pairs(text: str, found: list[Quantity]) -> list[Quantity]:
    """`120/80`, `one twenty over eighty`, `3 out of 6`: each number gets the other one."""
    paired = list(found)
    for i in range(len(found) - 1):
        a, b = paired[i], paired[i + 1]
        if OVER.fullmatch(text[a.span.end : b.span.start]) and a.unit is None:
            said_twice = len(b.values) == SAID_TWICE and b.values[1] == b.values[2]
            fellow = b.values[1] if said_twice else b.values[0]  # `two out of six six`
            paired[i] = Quantity(a.values, b.unit, a.span, a.text, fellow, True)
            paired[i + 1] = Quantity(b.values, b.unit, b.span, b.text, a.values[0])
    return paired


def _implied(text: str, found: list[Quantity], taken: list[Span]) -> Iterator[Quantity]:
    """`a week ago`, `last month`: one of the unit."""
    for match in IMPLIED.finditer(text):
        span = Span(match.start(), match.end())
        if not _inside(span, [q.span for q in found]) and not _inside(span, taken):
            unit = unit_of(match["unit"].lower())
            yield Quantity((1.0,), unit, span, match.group(), implied=True)
    for match in OR_TWO.finditer(text):
        yield Quantity((1.0,), None, Span(*match.span()), match.group(), implied=True)


def same(a: float, b: float) -> bool:
    """Equal but for the rounding of a conversion."""
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1e-12)
