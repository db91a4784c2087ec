"""Finds the anticoagulants that a text names, and whether they are stopped or held."""

from collections.abc import Iterator

from edgemed.clinic.reading.said import Said
from edgemed.clinic.vital.allergies import of_allergens
from edgemed.clinic.vital.items import (
    ENDED,
    GENERAL,
    NEAR,
    VitalItem,
    asks,
    at,
    is_unclear,
    may_hold,
    own,
    places,
    span_of,
)

KIND = "anticoagulant"


def anticoagulants(said: Said) -> Iterator[VitalItem]:
    """Anticoagulants by name, without those only considered, denied or named as allergens."""
    if asks(said) or not may_hold(said, KIND):
        return
    text, unclear = said.sentence.text, is_unclear(said, KIND)
    allergens = list(of_allergens(said))
    weighed = [end for _, _, end in places(said, KIND, "not")]
    for tells in ("named", "general"):
        for row, start, end in places(said, KIND, tells):
            if any(a <= start and end <= b for a, b in allergens):
                continue
            if is_taken(said, start, end, unclear) and not any(
                0 <= start - before <= NEAR / 2 for before in weighed
            ):
                state = GENERAL if tells == "general" else ended(said, start, end)
                shown = row.name if tells == "named" else text[start:end]
                shown = f"{shown} ({state})" if state in ENDED else shown
                doubted = unclear or any(m.context.uncertain for m in at(said, start, end))
                span = span_of(said, start, end)
                yield VitalItem(KIND, row.name, shown, span, state=state, unclear=doubted)


def is_taken(said: Said, start: int, end: int, unclear: bool) -> bool:
    """Whether the patient is said to have it, or it is asked whether he does."""
    wanted = ("yes", "open") if unclear else ("yes",)
    return all(m.polarity in wanted and own(m) for m in at(said, start, end))


def ended(said: Said, start: int, end: int) -> str:
    """Whether the sentence stops or holds the drug at these characters."""
    names = {m.concept.name for m in at(said, start, end)}
    values = {c.value for c in said.cues if c.attribute == "status" and names & set(c.of)
              and not c.spoken}  # fmt: skip
    return next(iter(sorted(values & ENDED)), "") if not values - ENDED else ""
