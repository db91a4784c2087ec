"""A drug's dose, route and frequency together, compared with each regimen the source gives for it.

A dose may be in the source and still be wrong: the intravenous dose on the ward given for the
tablets at home. Only what both sides state is compared; one regimen of the source that agrees is
enough. Never says which regimen is right.
"""

from collections.abc import Iterator, Sequence

from edgemed.clinic.checks.quantities.numbers import equal, is_counted_out
from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.frequencies import ALWAYS, AS_NEEDED, Detail
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.regimens import Regimen, regimens
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

CLOSE = 0.1  # `every four weeks` is monthly
SHOWN = 3  # regimens of the source named in a reason


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each regimen, at its first part that differs."""
    for regimen in regimens(said):
        regimen = regimen._replace(doses=tuple(d for d in regimen.doses if d.unit is not None))
        stated, possible = ([r for r in s if r.drug == regimen.drug] for s in source.regimens)
        if is_said(regimen, [*stated, *possible]):
            continue
        rivals = [r for r in stated if differing(regimen, r)]
        if not rivals:
            continue
        rivals.sort(key=lambda r: likeness(regimen, r), reverse=True)
        texts = dict.fromkeys(written(r, source.text, 0) for r in rivals[:SHOWN])
        draft = written(regimen, said.sentence.text, said.sentence.span.start)
        reason = f"{regimen.drug} {draft} in the draft; the note has {'; '.join(texts)}"
        spans = tuple(whole(r) for r in rivals[:SHOWN])
        at = differing(regimen, rivals[0])[0]
        yield Flag("regimen", "contradicted", "major", reason, at, spans)


def is_said(regimen: Regimen, there: Sequence[Regimen]) -> bool:
    """Whether a regimen of the source agrees, and states what another with the same dose denies."""
    agreeing = [r for r in there if not differing(regimen, r)]
    if any(shares_measure(regimen, r) for r in there):
        agreeing = [r for r in agreeing if shares_measure(regimen, r)]
    alike = [r for r in there if shares_measure(regimen, r) and likeness(regimen, r) >= 0]
    denied = {at for r in alike for at in differing(regimen, r)}
    route_denied = any(part.span in denied for part in regimen.routes)
    rate_denied = any(part.span in denied for part in regimen.rates)
    return any((r.routes or not route_denied) and (r.rates or not rate_denied) for r in agreeing)


def differing(a: Regimen, b: Regimen) -> list[Span]:
    """Where `a` and `b` state different things: dose, then route, then frequency."""
    found: list[Span] = []
    if (
        shares_measure(a, b)
        and not any(is_comparable(x, y) and equal(x, y) for x in a.doses for y in b.doses)
        and not any(is_counted_out(x, list(b.doses)) for x in a.doses)
    ):
        found.append(a.doses[0].span)
    if a.routes and b.routes and not {p.value for p in a.routes} & {p.value for p in b.routes}:
        found.append(a.routes[0].span)
    if a.rates and b.rates and not same_rate(a.rates, b.rates):
        found.append(a.rates[0].span)
    elif a.clocks and b.clocks and not {p.value for p in a.clocks} & {p.value for p in b.clocks}:
        found.append(a.clocks[0].span)
    return found


def shares_measure(a: Regimen, b: Regimen) -> bool:
    """Whether both state doses that can be compared."""
    return any(is_comparable(x, y) for x in a.doses for y in b.doses)


def is_comparable(a: Quantity, b: Quantity) -> bool:
    """Doses in one measure; a number said without a unit may be any."""
    return a.unit is None or b.unit is None or a.unit.dimension == b.unit.dimension


def same_rate(a: Sequence[Detail], b: Sequence[Detail]) -> bool:
    """Whether one side's frequencies are among the other's; if none, both or neither as needed."""
    said = [{p.value for p in side} & {AS_NEEDED, ALWAYS} for side in (a, b)]
    if said[0] and said[1] and said[0] != said[1]:
        return False  # `around the clock` for `as needed`
    x, y = ([float(p.value) for p in side if float(p.value) > AS_NEEDED] for side in (a, b))
    if x and y:
        return are_among(x, y) or are_among(y, x)
    return all(any(p.value == AS_NEEDED for p in side) for side in (a, b))


def are_among(some: Sequence[float], others: Sequence[float]) -> bool:
    """Whether each of some frequencies is close to one of the others."""
    return all(any(abs(x - y) <= CLOSE * max(x, y) for y in others) for x in some)


def likeness(a: Regimen, b: Regimen) -> int:
    """Parts stated by both that agree, less those that differ."""
    both = shares_measure(a, b) + bool(a.routes and b.routes) + bool(a.rates and b.rates)
    return both - 2 * len(differing(a, b))


def written(regimen: Regimen, text: str, offset: int) -> str:
    """The parts as the text has them."""
    spans = dict.fromkeys(regimen.spans())
    return ", ".join(" ".join(text[s.start - offset : s.end - offset].split()) for s in spans)


def whole(regimen: Regimen) -> Span:
    """From the first part to the last."""
    spans = regimen.spans()
    return Span(spans[0].start, max(s.end for s in spans))
