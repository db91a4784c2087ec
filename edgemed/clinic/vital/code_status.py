"""Finds the code status that a text states: full code, DNR, DNI or comfort care."""

import re
from collections.abc import Iterator

from edgemed.clinic.reading.said import Said
from edgemed.clinic.vital.items import (
    VitalItem,
    asks,
    at,
    clipped,
    is_unclear,
    may_hold,
    places,
    span_of,
)

# A refusal such as `do not resuscitate` is not negated by its own `not`.
REFUSES = re.compile(r"(?:no|not|do[- ]not|allow)[- ]", re.IGNORECASE)


def code_status(said: Said) -> Iterator[VitalItem]:
    """Every statement of the code status."""
    kind, text = "code status", said.sentence.text
    if asks(said) or not may_hold(said, kind):
        return
    unclear = is_unclear(said, kind)
    for row, start, end in places(said, kind, "named"):
        denied = any(m.polarity == "no" for m in at(said, start, end))
        if REFUSES.match(text, start) or not denied:
            yield VitalItem(
                kind, row.name, text[start:end], span_of(said, start, end), unclear=unclear
            )
    named = next(places(said, kind, "named"), None)
    if unclear and named is None and next(places(said, kind, "general"), None) is not None:
        yield VitalItem(kind, "", clipped(text), said.sentence.span, unclear=True)
