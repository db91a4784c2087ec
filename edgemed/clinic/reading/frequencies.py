"""How often a drug is taken, and by which route, as a sentence writes it."""

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.said import Said

AS_NEEDED = 0.0  # among times a day this means "as needed"
ALWAYS = -1.0  # and this the opposite: "around the clock"
CLOCK = "clock"  # with a time of day after it

NUMBERS = {"other": 2, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8,
           "ten": 10, "twelve": 12, "twenty-four": 24}  # fmt: skip
COUNTS = {"once": 1, "twice": 2, "thrice": 3}
DAYS = {"h": Fraction(1, 24), "d": Fraction(1), "w": Fraction(7), "m": Fraction(30)}
_N = rf"\d{{1,2}}|{'|'.join(NUMBERS)}"
COUNTED = re.compile(
    rf"\b(?:(?P<word>{'|'.join(COUNTS)})|(?P<n>{_N})(?:\s+times?|\s?x))\s+"
    r"(?:(?:a|per|each|every)\s+)?(?P<unit>day|daily|week|weekly|month|monthly)\b",
    re.IGNORECASE,
)
EVERY = re.compile(
    rf"\b(?:every|each|q\.?)\s*(?P<n>{_N})?(?:\s*(?:-|–|to)\s*(?P<m>{_N}))?\s*"
    r"(?P<unit>h|hr|hrs|hours?|d|days?|wk|weeks?|months?)\b",
    re.IGNORECASE,
)
# Words after a route or a frequency that make it something else, or a daily thing.
NOT_ROUTE = re.compile(
    r"\s+(?:fluids?|intake|access|line|contrast|hydration|thrush|mucosa|cavity|lesions?|surgery"
    r"|ulcers?|hygiene|exam\w*|cancer|diet|nutrition|bleeding|tone|pain|discharge)\b",
    re.IGNORECASE,
)
NOT_DAILY = re.compile(r"\s+(?:dose|total|activit\w+|living|life|basis|weights?|labs?)\b", re.I)
# `within a week`: how long, and not how often.
PERIOD = re.compile(
    r"\b(?:within|in|about|after|over|next|past|last|this|than|almost|nearly|of|for|during"
    r"|last(?:s|ed|ing)|takes|took|wait(?:ed)?) $",
    re.I,
)
AGO = re.compile(r" (?:or (?:so|two) )?(?:ago|later|before|prior|earlier|after)\b", re.I)
LENGTH = re.compile(r"an? \w+|week|month", re.I)
EYE = re.compile(r"\b(?:eyes?|vision|visual|cataracts?|pupils?|20/\d+)\b", re.I)
# Before `ppd`: packs a day, no test for tuberculosis.
COUNTED_PACKS = re.compile(r"(?:\d|½|half(?: an?)?|one|two|three|a)[ -]?$", re.IGNORECASE)


class Detail(NamedTuple):
    """A route by name, or a frequency in times a day, where it is written."""

    value: str | float
    span: Span


def rates(said: Said) -> list[Detail]:
    """Every frequency of the sentence: times a day, `AS_NEEDED`, or "clock"."""
    text, offset = said.sentence.text, said.sentence.span.start
    found: list[Detail] = []
    for match in _frequency().finditer(text):
        if match.group().lower() == "daily" and NOT_DAILY.match(text, match.end()):
            continue
        period = PERIOD.search(text[: match.start()]) or AGO.match(text, match.end())
        if period and LENGTH.fullmatch(match.group()):
            continue
        if match.group() in ("OD", "OS") and EYE.search(text):
            continue
        if match.group().lower() == "ppd" and COUNTED_PACKS.search(text[: match.start()]) is None:
            continue
        span = Span(match.start() + offset, match.end() + offset)
        found += [Detail(value, span) for value in _times_a_day(match.group())]
    return found


def routes(said: Said) -> Iterator[Detail]:
    """Every route of the sentence, by name."""
    text, offset = said.sentence.text, said.sentence.span.start
    for match in _route().finditer(text):
        name = _route_names().get(match.group()) or _route_names().get(match.group().lower())
        if name is not None and not NOT_ROUTE.match(text, match.end()):
            yield Detail(name, Span(match.start() + offset, match.end() + offset))


def is_clock(part: Detail) -> bool:
    """A time of day, which is a frequency only by itself."""
    return isinstance(part.value, str) and part.value.startswith(CLOCK)


def _times_a_day(form: str) -> list[str | float]:
    """`b.i.d.` 2, `every 4 to 6 hours` 6 and 4, `weekly` 1/7, `prn` AS_NEEDED."""
    listed = _frequencies().get(" ".join(form.lower().split()))
    if listed is not None:
        return [listed]
    counted, every = COUNTED.fullmatch(form), EVERY.fullmatch(form)
    if counted is not None:
        n = COUNTS[counted["word"].lower()] if counted["word"] else _number(counted["n"])
        return [float(n / DAYS[counted["unit"][0].lower()])]
    if every is None:
        return []
    unit = DAYS[every["unit"][0].lower()]
    steps = [_number(every["n"] or "1"), *([_number(every["m"])] if every["m"] else [])]
    return [float(1 / (step * unit)) for step in steps if step]


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else NUMBERS[word.lower()]


@cache
def _frequencies() -> dict[str, str | float]:
    """Times a day by written form."""
    named: dict[str, str | float] = {"prn": AS_NEEDED, "always": ALWAYS}
    named |= {often: often for often, _ in rows_of("frequencies.tsv") if often.startswith(CLOCK)}
    return {
        form: named[often] if often in named else float(Fraction(often))
        for often, forms in rows_of("frequencies.tsv")
        for form in forms.split("|")
    }


@cache
def _route_names() -> dict[str, str]:
    """Routes by written form."""
    return {form: name for name, forms in rows_of("routes.tsv") for form in forms.split("|")}


@cache
def _frequency() -> re.Pattern[str]:
    """Any frequency: counted ones first, so that `twice daily` is no `daily`."""
    counted = (re.sub(r"\?P<\w+>", "?:", p.pattern) for p in (COUNTED, EVERY))
    return re.compile("|".join((*counted, _any_of(_frequencies()))), re.IGNORECASE)


@cache
def _route() -> re.Pattern[str]:
    return re.compile(_any_of(_route_names()), re.IGNORECASE)


def _any_of(forms: dict[str, str] | dict[str, str | float]) -> str:
    """A pattern of all forms, longest first, as whole words."""
    body = "|".join(re.escape(f).replace(r"\ ", r"\s+") for f in sorted(forms, key=len)[::-1])
    return rf"(?:(?<![\w-])|(?<=[a-z])(?=/))(?:{body})(?![\w-])"
