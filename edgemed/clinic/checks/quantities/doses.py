"""A drug with its dose, compared with the doses that the source gives for the same drug."""

from collections.abc import Iterator

from edgemed.clinic.checks.quantities.numbers import COUNTED, equal, is_counted_out
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.frequencies import rates
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.regimens import may_be_dose
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

REACH = 60  # characters from a drug to its dose


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each dose that differs from all doses the source gives the drug, or that a note
    gives another drug and none to this one."""
    for drug, dose in pairs(said):
        there = [q for q in doses_of(drug, source) if is_comparable(dose, q)]
        if there and not any(equal(dose, other) for other in there):
            if is_counted_out(dose, doses_of(drug, source)):
                continue
            there = [q for q in there if q.unit is not None] or there
            text = ", ".join(dict.fromkeys(q.text for q in there[:3]))
            reason = f"{drug.concept.name} {dose.text} in the draft; the note has {text}"
            spans = tuple(q.span for q in there[:3])
            yield Flag("dose", "contradicted", "major", reason, dose.span, spans)
        elif not doses_of(drug, source) and (theirs := borrowed(drug, dose, source)):
            name, own = theirs
            reason = f"{dose.text} is the dose of {name} in the note; {drug.concept.name} has none"
            yield Flag("dose", "not found", "major", reason, dose.span, (own.span,))


def borrowed(drug: Mention, dose: Quantity, source: Source) -> tuple[str, Quantity] | None:
    """The drug of a note whose dose this is, where the note names `drug` without a dose.

    In talk a dose may be said far from its drug.
    """
    if source.is_talk or drug.concept.name not in source.mentions:
        return None
    for name, mentions in source.mentions.items():
        if name != drug.concept.name and mentions[0][1].concept.kind == "drug":
            for there in doses_of(mentions[0][1], source):
                if there.unit is not None and equal(dose, there):
                    return name, there
    return None


def is_comparable(dose: Quantity, other: Quantity) -> bool:
    """Whether two doses can contradict each other: tablets cannot be compared with milligrams."""
    counts = [q.unit is not None and q.unit.dimension in COUNTED for q in (dose, other)]
    return counts[0] == counts[1] or other.unit is None


def pairs(said: Said) -> Iterator[tuple[Mention, Quantity]]:
    """Each dose with the drug before it in the sentence (or, without one, right after it)."""
    drugs = [m for m in said.mentions if m.concept.kind == "drug"]
    for quantity in said.quantities:
        if quantity.implied or quantity.unit is None or not may_be_dose(quantity):
            continue
        before = [m for m in drugs if 0 <= quantity.span.start - m.span.end <= REACH]
        behind = [m for m in drugs if 0 <= m.span.start - quantity.span.end <= REACH // 4]
        if before or behind:
            yield (before[-1] if before else behind[0]), quantity


def doses_of(drug: Mention, source: Source) -> list[Quantity]:
    """Doses said near the drug: in its sentence, else in the next two."""
    found: list[Quantity] = []
    for i, mention in source.mentions.get(drug.concept.name, ()):
        for k in range(i, min(i + 3, len(source.said))):
            other = source.said[k]
            if k > i and any(m.concept.kind == "drug" for m in other.mentions):
                break
            often = [rate.span for rate in rates(other)]
            near = [
                q
                for q in other.quantities
                if may_be_dose(q)
                and not any(q.span.start < r.end and r.start < q.span.end for r in often)
            ]
            if k == i:
                named = [m for m in other.mentions if m.concept.kind == "drug"]
                near = [q for q in near if _nearest_drug(q, named) == mention]
            found += near
    return found


def _nearest_drug(quantity: Quantity, named: list[Mention]) -> Mention:
    """The drug that a number of the same sentence follows or precedes."""
    before = [m for m in named if m.span.end <= quantity.span.start]
    return before[-1] if before else named[0]
