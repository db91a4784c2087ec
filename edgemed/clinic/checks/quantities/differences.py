"""How much a measure has changed: `lost 5 kg` where the source has 85 kg and, later, 80 kg."""

import re

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.units import base

CHANGED = {
    "mass": re.compile(r"\b(?:weight|lost|loss|losing|gain\w*|pounds?|lbs?|kg|kilos?)\b", re.I),
    "length": re.compile(r"\b(?:grew|grown|shrank|shrunk|taller|larger|smaller)\b", re.I),
}
LESS = re.compile(
    r"\b(?:lost|loss|losing|lose|down|fell|fallen|drop\w*|decreas\w+|shrank|shrunk|smaller)\b", re.I
)
MORE = re.compile(r"\b(?:gain\w*|up|rose|risen|increas\w+|grew|grown|larger|taller)\b", re.I)
NOW = re.compile(
    r"\b(?:today|now|current\w*|present\w*|at discharge|this (?:visit|morning))\b", re.I
)
HALF = 0.5  # units of the last place written, by which a difference may be off


def is_difference(quantity: Quantity, said: Said, source: Source) -> bool:
    """Whether two values of the source differ by this one, in the direction that is said."""
    unit = quantity.unit
    if unit is None or unit.dimension not in CHANGED:
        return False
    text = said.sentence.text
    less, more = LESS.search(text) is not None, MORE.search(text) is not None
    if less == more or CHANGED[unit.dimension].search(text) is None:
        return False
    step = base(HALF * 10.0 ** -places_of(quantity), unit)
    wanted = [base(value, unit) for value in quantity.values]
    values = in_time(unit.dimension, source)
    changes = [b - a for i, a in enumerate(values) for b in values[i + 1 :]]
    return any(abs((-c if less else c) - x) <= step for c in changes for x in wanted)


def in_time(dimension: str, source: Source) -> list[float]:
    """The values of a measure as they follow each other: as told, what is so now at the end."""
    found: list[tuple[bool, Span, float]] = []
    for i, other in source.quantities:
        if other.unit is not None and other.unit.dimension == dimension:
            is_now = _is_now(source.said[i], other)
            found.append((is_now, other.span, base(other.values[0], other.unit)))
    return [value for _, _, value in sorted(found)]


def _is_now(said: Said, quantity: Quantity) -> bool:
    """Whether the words nearest to this value say that it is today's."""
    gaps = [
        (min(abs(q.span.start - m.end() - said.sentence.span.start),
             abs(m.start() + said.sentence.span.start - q.span.end)), q is quantity)
        for m in NOW.finditer(said.sentence.text)
        for q in said.quantities
        if q.unit is not None
    ]  # fmt: skip
    return bool(gaps) and min(gaps, key=lambda gap: gap[0])[1]


def places_of(quantity: Quantity) -> int:
    """Digits after the point."""
    written = re.match(r"\d+[.,](\d+)", quantity.text)
    return len(written[1]) if written else 0
