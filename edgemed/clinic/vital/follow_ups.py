"""Finds follow-up in a text: when the patient is to come back, or a test is to be repeated."""

from collections.abc import Iterator, Sequence

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Said
from edgemed.clinic.vital.items import (
    NEAR,
    VitalItem,
    asks,
    is_unclear,
    may_hold,
    of_sentence,
    places,
)

DAY = 86400.0  # seconds


def follow_ups(said: Said) -> Iterator[VitalItem]:
    """When the patient is to come back, or a test to be done again."""
    kind, text, offset = "follow-up", said.sentence.text, said.sentence.span.start
    if not (said.dates or said.quantities or may_hold(said, kind)):
        return
    unclear = is_unclear(said, kind)
    if not (unclear or said.dates or any(map(is_time, said.quantities))):
        return
    cues = [(start, end) for _, start, end in places(said, kind, "tells")]
    if "follow" in said.sentence.section.lower():
        cues.append((0, 0))
    if asks(said) and not any(text[a:b].lower().startswith("see") for a, b in cues):
        return
    if not cues or next(places(said, kind, "not"), None) is not None:
        return
    times = [q for q in said.quantities if is_time(q) and _near(cues, q.span, offset)]
    dates = tuple(d for d in said.dates if _near(cues, d.span, offset))
    if times or dates or unclear:
        days = tuple(v * q.unit.factor / DAY for q in times if q.unit for v in q.values)
        item = of_sentence(kind, said)
        yield item._replace(values=days, dates=dates, unclear=unclear and not (times or dates))


def is_time(quantity: Quantity) -> bool:
    """A time of days or longer."""
    unit = quantity.unit
    return unit is not None and unit.dimension == "time" and unit.factor >= DAY


def _near(cues: Sequence[tuple[int, int]], span: Span, offset: int) -> bool:
    start, end = span.start - offset, span.end - offset
    return any(0 <= start - b <= NEAR or 0 <= a - end <= NEAR / 2 for a, b in cues)
