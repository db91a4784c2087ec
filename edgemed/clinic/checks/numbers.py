"""Numbers of the draft that the source does not hold: value, unit, pair.

A number counts as held where the source has the same value in the same measure, converted if
need be (`2 weeks`, `14 days`), or has the value without a unit. Never says which is right.
"""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.reading.quantities import Quantity, base, same
from edgemed.clinic.reading.said import Said
from edgemed.clinic.source import Source, names

MEASURED = {  # what a drug or a laboratory is measured in: an error here is major
    "mass", "volume", "pressure", "percent", "units", "equivalents", "amount",
    "mass concentration", "amount concentration", "equivalent concentration",
    "activity concentration", "count concentration", "dose per weight", "dose rate",
    "dose rate per weight", "flow", "tablets", "puffs", "drops", "celsius", "fahrenheit", "rate",
}  # fmt: skip


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each number of the sentence that the source does not hold."""
    for quantity in said.quantities:
        if quantity.implied or is_held(quantity, source):
            continue
        rivals = nearest_rivals(said, quantity, source)
        severity: Severity = "minor"
        if quantity.unit is not None and quantity.unit.dimension in MEASURED:
            severity = "major"
        if rivals:
            text = ", ".join(dict.fromkeys(q.text for _, q in rivals[:3]))
            reason = f"{quantity.text} is not in the source; near the same words it has {text}"
            spans = tuple(q.span for _, q in rivals[:3])
            yield Flag("number", "contradicted", severity, reason, quantity.span, spans)
        else:
            reason = f"{quantity.text} is not in the source"
            yield Flag("number", "not found", severity, reason, quantity.span)


def is_held(quantity: Quantity, source: Source) -> bool:
    """Whether the source has this value, in this measure or without one."""
    if quantity.values == (1.0,) and quantity.unit is None:
        return True
    plain = False
    for _, other in source.quantities:
        if equal(quantity, other):
            if other.unit is not None or quantity.unit is None:
                return True
            plain = True
    return plain


def equal(a: Quantity, b: Quantity) -> bool:
    """The same value in the same measure; a number without a unit equals any."""
    if a.unit is not None and b.unit is not None:
        if a.unit.dimension != b.unit.dimension:
            return False
        return any(same(base(x, a.unit), base(y, b.unit)) for x in a.values for y in b.values)
    return any(same(x, y) for x in a.values for y in b.values)


def nearest_rivals(said: Said, quantity: Quantity, source: Source) -> list[tuple[int, Quantity]]:
    """Source numbers of the same measure beside the words that stand beside this one."""
    wanted = names(said)
    scored = []
    for i, other in source.quantities:
        if other.implied or measure(other) != measure(quantity):
            continue
        shared = wanted & names(source.said[i])
        if shared:
            scored.append((len(shared), -i, other))
    return [(-i, other) for _, i, other in sorted(scored, key=lambda s: (-s[0], -s[1]))]


def measure(quantity: Quantity) -> str:
    """What the quantity measures; empty without a unit."""
    return quantity.unit.dimension if quantity.unit is not None else ""
