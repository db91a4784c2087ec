"""Dates in a text as written or spoken: `07/29/2008`, `July twenty ninth two thousand eight`.

Each part may be missing: `August 2008`, `May 3`, `1983`, `Monday`. Relative times (`3 days ago`)
are quantities, not dates.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgemed.clinic.findings import Span
from edgemed.clinic.reading import spoken

MONTHS = (
    "january february march april may june july august september october november december"
).split()  # fmt: skip
SHORT = {name[:3]: n + 1 for n, name in enumerate(MONTHS)} | {"sept": 9}
LONG = {name: n + 1 for n, name in enumerate(MONTHS)}
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()


@dataclass(frozen=True, slots=True)
class Date:
    """A date as far as it is given; `name` holds a weekday. Fields that are not given are None."""

    span: Span
    text: str
    year: int | None = None
    month: int | None = None
    day: int | None = None
    name: str = ""


_ORDINAL = "|".join(spoken.ORDINALS)
_TENS = "twenty|thirty"
# A number of two digits that can be a day, and is not a measure: `in March 85 kg`.
_DAY = (
    rf"(?:(?:{_TENS})[ -])?(?:{_ORDINAL})|(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?(?![\d/])"
    r"(?!\s?(?:kg|lbs?|pounds?|mg|mcg|g|ml|cm|mm|units?|mmol|bpm|percent|weeks|months|days)\b|\s?%)"
)
_YEAR = rf"(?:19|20)\d\d|{spoken.RUN.pattern}"
_MONTH = "|".join([*MONTHS, *(rf"{m}\.?" for m in SHORT)])

NUMERIC = re.compile(
    r"(?<![\w/.-])(?:(?P<y1>(?:19|20)\d\d)-(?P<m1>\d\d)-(?P<d1>\d\d)"
    r"|(?P<m2>\d{1,2})(?P<by>[/-])(?P<d2>\d{1,2})(?P=by)(?P<y2>\d{4}|\d{2})"
    r"|(?P<d4>\d{1,2})\.(?P<m4>\d{1,2})\.(?P<y4>\d{4})"
    r"|(?P<m3>\d{1,2})/(?P<y3>(?:19|20)\d\d)"
    r"|(?:(?<=\bin )|(?<=since )|(?<=until )|(?<=by ))(?P<m6>\d{1,2})/(?P<y6>3[2-9]|[4-9]\d)"
    r"|(?:(?<=\bin )|(?<=\bon )|(?<=since )|(?<=dated ))(?P<m5>\d{1,2})/\d{1,2})(?![\w/])"
)
# `February seven two thousand five`: a day said plainly, known by the year after it.
_SAID_DAY = (
    rf"(?:(?:{_TENS})[ -])?(?:{'|'.join(spoken.SMALL)})(?=,? (?:two thousand|nineteen [a-z]))"
)
NAMED = re.compile(
    rf"\b(?:(?P<d0>{_DAY}) (?:of )?)?(?P<month>{_MONTH})\b"
    rf"(?: (?:the )?(?P<day>{_SAID_DAY}|{_DAY})(?![\w%]))?(?:,? (?:of |in )?(?P<year>{_YEAR}))?",
    re.IGNORECASE,
)
YEAR = re.compile(r"(?<![\w/.,$-])(?:19[2-9]\d|20[0-4]\d)(?![\w/%-]|\.\d)")
WEEKDAY = re.compile(rf"\b(?:{'|'.join(DAYS)})s?\b", re.IGNORECASE)


def dates(text: str) -> list[Date]:
    """All dates of `text` in order."""
    found: list[Date] = []
    for reader in (_numeric, _named, _years, _weekdays):
        for date in reader(text):
            if not any(
                d.span.start < date.span.end and date.span.start < d.span.end for d in found
            ):
                found.append(date)
    return sorted(found, key=lambda d: d.span)


def _numeric(text: str) -> Iterator[Date]:
    for m in NUMERIC.finditer(text):
        year, month, day = (
            next(
                (
                    int(m[f"{part}{n}"])
                    for n in "123456"
                    if m.re.groupindex.get(f"{part}{n}") and m[f"{part}{n}"]
                ),
                None,
            )
            for part in "ymd"
        )
        if month is not None and day is not None and month > 12 >= day:
            month, day = day, month
        if month is None or not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
            continue
        if year is not None and year < 100:
            year += 1900 if year > 40 else 2000
        yield Date(Span(*m.span()), m.group(), year, month, day)


def _named(text: str) -> Iterator[Date]:
    for m in NAMED.finditer(text):
        word = m["month"].lower().rstrip(".")
        day = _day(m["day"] or m["d0"])
        year = _year(m["year"])
        end = m.end() if year is not None or m["year"] is None else m.start("year")
        if word == "may" and day is None and year is None and not _is_may(text, m):
            continue
        if word in SHORT and word not in LONG and day is None and year is None:
            continue
        month = LONG.get(word) or SHORT[word]
        span = Span(m.start(), len(text[:end].rstrip(" ,")))
        yield Date(span, text[span.start : span.end], year, month, day)


def _is_may(text: str, m: re.Match[str]) -> bool:
    """The month, not the verb: `in May`, `since last May`."""
    before = text[: m.start()].lower().split()[-1:]
    return before in (
        ["in"],
        ["of"],
        ["since"],
        ["last"],
        ["until"],
        ["next"],
        ["early"],
        ["late"],
    )


def _day(word: str | None) -> int | None:
    if not word:
        return None
    digits = re.match(r"\d+", word)
    if digits:
        return int(digits.group()) if 1 <= int(digits.group()) <= 31 else None
    parts = re.split("[ -]", word.lower())
    values = spoken.ORDINALS | spoken.TENS | spoken.SMALL
    return sum(values.get(p, 0) for p in parts)


def _year(word: str | None) -> int | None:
    if not word:
        return None
    value = float(word) if word.isdigit() else spoken.readings(word)[0]
    return int(value) if 1900 <= value < 2100 else None


def _years(text: str) -> Iterator[Date]:
    for m in YEAR.finditer(text):
        yield Date(Span(*m.span()), m.group(), int(m.group()))
    for m in spoken.RUN.finditer(text):
        value = spoken.readings(m.group())[0]
        if (
            1920 <= value < 2050
            and value == int(value)
            and not m.group().lower().startswith("one thousand")
        ):
            yield Date(Span(*m.span()), m.group(), int(value))


def _weekdays(text: str) -> Iterator[Date]:
    for m in WEEKDAY.finditer(text):
        yield Date(Span(*m.span()), m.group(), name=m.group().lower().rstrip("s"))


def agree(a: Date, b: Date) -> bool:
    """Whether two dates can be the same: they share a part, and no part that both give differs."""
    shared = [
        (x, y)
        for x, y in (
            (a.year, b.year),
            (a.month, b.month),
            (a.day, b.day),
            (a.name or None, b.name or None),
        )
        if x is not None and y is not None
    ]
    return bool(shared) and all(x == y for x, y in shared)
