"""What a sentence says of how a drug is taken: dose, route, how often, each where it is written.

`IV furosemide 80 mg b.i.d., then 40 mg by mouth daily` gives two regimens of one drug. Reads one
sentence; what is not written in it is left open. Never says whether a regimen is right.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.frequencies import Detail, is_clock, rates, routes
from edgemed.clinic.reading.quantities import Quantity
from edgemed.clinic.reading.said import Mention, Said

DOSED = {"mass", "units", "volume", "equivalents", "amount", "dose per weight", "tablets", "puffs"}
HEAVIEST_DOSE = 100.0  # grams in a unit of dose
GAP = 40  # characters between one part of a regimen and the next
FOLLOWING = 2  # sentences after a drug's that may still be about it
SIG = re.compile(r"(?:sig|take|inject|apply|inhale|use|give)\b|\d+ (?:tab|cap|puff)", re.IGNORECASE)

LEAD = r"(?:iv|i\.v\.|intravenous|oral|sublingual|subcutaneous|intramuscular|inhaled|topical)"
BEFORE = re.compile(rf"\b{LEAD}\s+$", re.IGNORECASE)
OF = re.compile(r"\s+(?:of\s+)?$")
SEPARATOR = re.compile(r"[,;(]|\b(?:then|to|and|from|by)\b", re.IGNORECASE)


class Regimen(NamedTuple):
    """How one drug is taken, as far as one stretch of a sentence says; any part may be empty.

    `clocks` are times of day, which count among the rates where no other frequency is said.
    """

    drug: str
    doses: tuple[Quantity, ...]
    routes: tuple[Detail, ...]
    rates: tuple[Detail, ...]
    clocks: tuple[Detail, ...] = ()

    def spans(self) -> list[Span]:
        """Where its parts are written, in order."""
        doses = [dose.span for dose in self.doses]
        return sorted([*doses, *(part.span for part in (*self.routes, *self.rates))])


def regimens(said: Said) -> list[Regimen]:
    """Every regimen of the sentence that states a dose, a route or a frequency."""
    drugs = sorted((m for m in said.mentions if m.concept.kind == "drug"), key=lambda m: m.span)
    if not drugs:
        return []
    written = _written(said)
    leads = [_lead(said, drug, i == 0) for i, drug in enumerate(drugs)]
    ends = [*leads[1:], said.sentence.span.end]
    found: list[Regimen] = []
    for drug, lead, end in zip(drugs, leads, ends, strict=True):
        own = _chained([p for p in written if lead <= p.span.start and p.span.end <= end], drug)
        parts = _cut(said, own)
        found += [_regimen(drug.concept.name, part, len(parts) == 1) for part in parts]
    return [r for r in found if r.doses or r.routes or r.rates]


def all_regimens(text: Sequence[Said]) -> tuple[list[Regimen], list[Regimen]]:
    """The regimens of a whole text: those it states, and those that may belong to a drug.

    How to take it may be in a sentence of its own (`Take 1 tablet twice daily.`). Questions, and
    other sentences after a drug that name none, can only confirm.
    """
    stated: list[Regimen] = []
    possible: list[Regimen] = []
    drug = ""
    since = 0
    for said in text:
        named = [m for m in said.mentions if m.concept.kind == "drug"]
        if named:
            drug, since = max(named, key=lambda m: m.span).concept.name, 0
            own = regimens(said)
            (possible if said.asks else stated).extend(own)
            continue
        since += 1
        if not drug or since > FOLLOWING:
            continue
        own = continued(said, drug)
        if since == 1 and SIG.match(said.sentence.text) and stated and stated[-1].drug == drug:
            stated[-1] = _joined([stated[-1], *own])
        possible += own
    return stated, possible


def continued(said: Said, drug: str) -> list[Regimen]:
    """The regimens of a sentence that names no drug, read as those of `drug`."""
    parts = _cut(said, _written(said))
    found = (_regimen(drug, part, len(parts) == 1) for part in parts)
    return [r for r in found if r.doses or r.routes or r.rates]


def _joined(found: Sequence[Regimen]) -> Regimen:
    """The parts of several regimens as one."""
    return Regimen(
        found[0].drug,
        tuple(dose for r in found for dose in r.doses),
        tuple(route for r in found for route in r.routes),
        tuple(rate for r in found for rate in r.rates),
        tuple(clock for r in found for clock in r.clocks),
    )


def _written(said: Said) -> list[Quantity | Detail]:
    """Doses, routes and frequencies in order; the numbers of a frequency are not a dose."""
    often = rates(said)
    doses = [
        q
        for q in said.quantities
        if may_be_dose(q)
        and not any(q.span.start < r.span.end and r.span.start < q.span.end for r in often)
    ]
    return sorted([*doses, *often, *routes(said)], key=lambda part: part.span)


def may_be_dose(quantity: Quantity) -> bool:
    """A written number in a unit of dose, or in none."""
    halved = quantity.unit is not None and quantity.text.lower().startswith("half ")
    if quantity.implied and not (halved and quantity.unit and quantity.unit.dimension in DOSED):
        return False
    if quantity.text.lower() in ("once", "twice", "half", "single") or is_body_weight(quantity):
        return False
    return quantity.unit is None or quantity.unit.dimension in DOSED


def is_body_weight(quantity: Quantity) -> bool:
    """Kilograms and pounds: no dose is given in them."""
    unit = quantity.unit
    return unit is not None and unit.dimension == "mass" and unit.factor > HEAVIEST_DOSE


def _lead(said: Said, drug: Mention, first: bool) -> int:
    """Where the drug's words begin: with `40 mg of`, `oral` right before its name."""
    text, offset = said.sentence.text, said.sentence.span.start
    start = drug.span.start - offset
    adjective = BEFORE.search(text, 0, start)
    start = adjective.start() if adjective else start
    for quantity in said.quantities:
        end = quantity.span.end - offset
        between = OF.fullmatch(text, end, start) if end <= start else None
        if between is not None and (first or "of" in between.group()):
            return quantity.span.start
    return start + offset


def _chained(parts: Sequence[Quantity | Detail], drug: Mention) -> list[Quantity | Detail]:
    """The parts from the drug on, up to the first that is too far from the one before."""
    reached = drug.span.end
    kept: list[Quantity | Detail] = []
    for part in parts:
        if part.span.start - reached > GAP:
            break
        kept.append(part)
        reached = max(reached, part.span.end)
    return kept


def _cut(said: Said, parts: Sequence[Quantity | Detail]) -> list[list[Quantity | Detail]]:
    """The parts of one drug, cut before each further dose of the same measure."""
    text, offset = said.sentence.text, said.sentence.span.start
    doses = [p for p in parts if isinstance(p, Quantity)]
    cuts: list[int] = []
    held: list[str] = []
    for i, dose in enumerate(doses):
        measure = dose.unit.dimension if dose.unit else ""
        last = doses[i - 1] if i else None
        if measure and measure in held and last is not None and not last.text.isdecimal():
            between = text[last.span.end - offset : dose.span.start - offset]
            places = [m.start() for m in SEPARATOR.finditer(between)]
            cuts.append(last.span.end + places[-1] if places else dose.span.start)
            held = []
        held.append(measure)
    ends = [*cuts, said.sentence.span.end + 1]
    starts = [0, *cuts]
    return [
        [p for p in parts if start <= p.span.start < end]
        for start, end in zip(starts, ends, strict=True)
    ]


def _regimen(drug: str, parts: Sequence[Quantity | Detail], alone: bool) -> Regimen:
    """Parts by kind; times of day count only where no frequency is written and no second dose."""
    doses = tuple(p for p in parts if isinstance(p, Quantity))
    named = [p for p in parts if isinstance(p, Detail)]
    often = tuple(p for p in named if isinstance(p.value, float))
    clocks = tuple(p for p in named if is_clock(p))
    if clocks and alone and not any(p.value for p in often):
        often += (Detail(float(len(clocks)), clocks[0].span),)
    routes = tuple(p for p in named if isinstance(p.value, str) and not is_clock(p))
    return Regimen(drug, doses, routes, often, clocks)
