"""Numbers of the draft that are not in the source, or are there for something else.

A number is found where the source has the same value in the same measure, converted if need be
(`2 weeks`, `14 days`), or the value without a unit. If it is only found elsewhere, while the
sentence about the same thing has another number, it is contradicted. Never says which is right.
"""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.quantities.differences import is_difference
from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.clock import NOON
from edgemed.clinic.reading.dates import agree
from edgemed.clinic.reading.frequencies import rates
from edgemed.clinic.reading.quantities import TIME_OF_DAY, Quantity, same
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.units import base

MEASURED = {  # what drugs and laboratory values are measured in: an error here is major
    "mass", "volume", "pressure", "percent", "units", "equivalents", "amount",
    "mass concentration", "amount concentration", "equivalent concentration",
    "activity concentration", "count concentration", "dose per weight", "dose rate",
    "dose rate per weight", "flow", "tablets", "puffs", "drops", "celsius", "fahrenheit", "rate",
}  # fmt: skip
# Units that speakers leave out; any other must appear somewhere in the source.
UNSAID = {
    "mg", "mm[Hg]", "%", "/min", "a", "d", "[degF]", "Cel", "deg", "[lb_av]", "[in_i]", "[ft_i]",
    TIME_OF_DAY.code, "mg/dL", "g/dL", "ng/mL", "mmol/L", "meq", "10*9/L", "kg/m2", "{tablet}",
}  # fmt: skip
CUSTOMARY = {"[lb_av]", "[oz_av]", "[in_i]", "[ft_i]", "[mi_i]", "[tsp_us]", "[tbs_us]"}
COUNTED = ("tablets", "puffs", "drops")
LONGEST_DATED = 120  # characters of a sentence whose one date holds for all its numbers
NEAR, FAR = (
    0.5,
    0.25,
)  # share of a number's context that a sentence must have to be about the same thing


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each number of the sentence."""
    for quantity in said.quantities:
        if quantity.implied or counts_nothing(quantity, said):
            continue
        holders = [i for i, other in source.quantities if is_held(quantity, other, source)]
        if measure(quantity) != "time":  # `two weeks before` is not a value of a day
            holders = [i for i in holders if not is_misdated(said, source.said[i])]
        holders += [] if holders else by_analyte(said, quantity, source)
        if not holders and (
            is_attached(quantity, source)
            or is_in_tablets(quantity, source)
            or is_difference(quantity, said, source)
        ):
            continue
        rivals = nearest(said, quantity, source, holders) or namesakes(quantity, source, holders)
        if (holders and not rivals) or (not holders and is_frequency(quantity, said, source)):
            continue
        severity: Severity = "major" if measure(quantity) in MEASURED else "minor"
        fellows = [q for _, q in source.quantities if is_crossed(quantity, q)]
        crossed = [q.span for q in fellows if equal(quantity, q)]
        if rivals and not crossed:
            text = ", ".join(dict.fromkeys(q.text for q in rivals[:3]))
            where = "that number appears in the note for something else; " if holders else ""
            reason = f"{quantity.text} in the draft; {where}the note has {text}"
            spans = tuple(q.span for q in rivals[:3])
            yield Flag("number", "contradicted", severity, reason, quantity.span, spans)
        elif not (quantity.unit is None and quantity.values == (1.0,)):
            where = "is paired with another number in the note" if crossed else "is not in the note"
            reason = f"{quantity.text} {where}"
            yield Flag("number", "not found", severity, reason, quantity.span, tuple(crossed[:3]))


def counts_nothing(quantity: Quantity, said: Said) -> bool:
    """A number that counts nothing about the patient: `no one`, `ten-point review of systems`."""
    text, start = said.sentence.text, quantity.span.start - said.sentence.span.start
    is_pronoun = quantity.text.lower() == "one" and NO_ONE.search(text[:start]) is not None
    if text[:start].lower().endswith("type ") and quantity.text in ("1", "2"):
        return True  # of diabetes; its own check compares the types
    return is_pronoun or any(p.match(text, start) is not None for p in (REVIEW, SCALE))


NO_ONE = re.compile(r"\b(?:no|any|every|some|this|that|which|the other|another|each) $", re.I)
SCALE = re.compile(r"(?:0|zero)(?: ?(?:-|to) ?| out of )(?:10|ten)\b", re.I)  # `on a 0 to 10 scale`
REVIEW = re.compile(r"\w+[ -](?:point|system)s? (?:review|ros\b)", re.I)


def is_attached(quantity: Quantity, source: Source) -> bool:
    """The 2 of `type 2` where the source writes `DM2`."""
    if quantity.unit is not None or quantity.pair is not None or not quantity.text.isdecimal():
        return False
    return re.search(rf"(?<=[A-Za-z]){quantity.text}(?!\w)", source.text) is not None


def is_in_tablets(quantity: Quantity, source: Source) -> bool:
    """`25 mg` for half a tablet of 50 mg, said in one sentence."""
    return any(is_counted_out(quantity, list(said.quantities)) for said in source.said)


def is_counted_out(dose: Quantity, there: list[Quantity]) -> bool:
    """Half a tablet of 50 mg is 25 mg: the count and the mass together make the dose."""
    if dose.unit is None or dose.unit.dimension in COUNTED:
        return False
    counts = [q for q in there if q.unit is not None and q.unit.dimension in COUNTED]
    masses = [q for q in there if q.unit is not None and q.unit.dimension == dose.unit.dimension]
    return any(
        same(base(dose.values[0], dose.unit), c.values[0] * base(m.values[0], m.unit))
        for c in counts
        for m in masses
        if m.unit is not None
    )


def by_analyte(said: Said, quantity: Quantity, source: Source) -> list[int]:
    """Sentences with the value in the other measure of the same analyte: mg/dL and mmol/L."""
    tests = {m.concept.name for m in said.mentions}
    found: list[int] = []
    for name, code, other_code, factor in rows_of("analytes.tsv"):
        if name not in tests or quantity.unit is None:
            continue
        for i, other in source.quantities:
            codes = (quantity.unit.code, other.unit.code if other.unit else "")
            ratio = {(code, other_code): float(factor), (other_code, code): 1 / float(factor)}
            step = 10.0 ** -places(quantity)
            if codes in ratio and abs(other.values[0] * ratio[codes] - quantity.values[0]) <= step:
                found.append(i)
    return found


def is_frequency(quantity: Quantity, said: Said, source: Source) -> bool:
    """A number of `every 12 hours` where the source has the same frequency (`b.i.d.`)."""
    often = [
        part.value
        for part in rates(said)
        if part.span.start <= quantity.span.start and quantity.span.end <= part.span.end
    ]
    drugs = {m.concept.name for m in said.mentions if m.concept.kind == "drug"}
    there = [r for regimens in source.regimens for r in regimens if r.drug in drugs]
    return bool(often) and any(
        {*often} <= {p.value for p in (*regimen.rates, *regimen.clocks)} for regimen in there
    )


def is_misdated(said: Said, other: Said) -> bool:
    """Both sentences say when, and not the same: an old value under a new date."""
    return (
        bool(said.dates and other.dates)
        and not is_narrative(said)
        and not any(agree(a, b) for a in said.dates for b in other.dates)
    )


def is_narrative(said: Said) -> bool:
    """A sentence of several dates, where it is open which number belongs to which."""
    return len(said.dates) > 1 or len(said.sentence.text) > LONGEST_DATED


TIMES = ("once", "twice", "thrice")


def is_held(quantity: Quantity, other: Quantity, source: Source) -> bool:
    """Whether a number of the source is this value, in this measure or in none."""
    if not equal(quantity, other) or is_crossed(quantity, other):
        return False
    if measure(quantity) == "time" and other.text.lower() in TIMES:
        return False  # `2 weeks` of one with `twice daily`
    if is_age(quantity) and not is_age(other) and not source.is_talk and is_short(other):
        return False  # `4-month-old` of one with `4 months of cough`
    if quantity.unit is None or other.unit is not None:
        return True
    if quantity.text.endswith("old") and quantity.unit.code != "a":
        return False  # an age said without a unit is in years
    return quantity.unit.code in UNSAID or quantity.unit.code in source.units


def is_short(quantity: Quantity) -> bool:
    """A time that is written in months, weeks, days or hours."""
    return measure(quantity) == "time" and quantity.unit is not None and quantity.unit.code != "a"


def is_crossed(a: Quantity, b: Quantity) -> bool:
    """Both are in pairs (`120/80`), and not in the same pair, or not in the same place of it."""
    if a.pair is None or b.pair is None:
        return False
    return a.first != b.first or not same(a.pair, b.pair)


def equal(a: Quantity, b: Quantity) -> bool:
    """The same value in the same measure; a number without a unit equals any."""
    if a.unit is not None and b.unit is not None:
        if a.unit.dimension != b.unit.dimension:
            return is_converted(a, b)
        if is_rounded(a, b):
            return True
        return any(same(base(x, a.unit), base(y, b.unit)) for x in a.values for y in b.values)
    if TIME_OF_DAY in (a.unit, b.unit):  # `at 2`, in whatever half of the day
        return any(
            same(x % NOON, y % NOON) for x in a.values for y in b.values if max(x, y) <= 2 * NOON
        )
    return any(same(x, y) for x in a.values for y in b.values)


def is_rounded(a: Quantity, b: Quantity) -> bool:
    """`154 lb` for 70 kg: another unit of the same measure, rounded as `a` is written."""
    if a.unit is None or b.unit is None or a.unit.code == b.unit.code:
        return False
    if not {a.unit.code, b.unit.code} & CUSTOMARY:
        return False
    there = [base(y, b.unit) / a.unit.factor for y in b.values]
    step = 10.0 ** -places(a)
    return any(abs(x - y) <= step / 2 + 1e-9 for x in a.values for y in there)


def is_converted(a: Quantity, b: Quantity) -> bool:
    """`a` is the temperature `b` on the other scale, rounded to as many places as `a` has."""
    scales = (a.unit.dimension if a.unit else "", b.unit.dimension if b.unit else "")
    if scales == ("fahrenheit", "celsius"):
        there = [y * 1.8 + 32 for y in b.values]
    elif scales == ("celsius", "fahrenheit"):
        there = [(y - 32) / 1.8 for y in b.values]
    else:
        return False
    step = 10.0 ** -places(a)
    return any(abs(x - y) <= step / 2 + 1e-9 for x in a.values for y in there)


def places(quantity: Quantity) -> int:
    """Digits after the point, as written or, in words, as read."""
    written = re.match(r"\d+[.,](\d+)", quantity.text)
    return len(written[1] if written else f"{quantity.values[0]:g}".partition(".")[2])


def nearest(said: Said, quantity: Quantity, source: Source, holders: list[int]) -> list[Quantity]:
    """Other numbers of the same measure in the sentences about the same thing as this number.

    Empty if a sentence with this number is as much about it.
    """
    company = source.company(said, quantity.span)
    held = max((source.kept(company, i) for i in holders), default=0.0)
    scored = sorted(
        (
            (source.kept(company, i), -i, other)
            for i, other in source.quantities
            if i not in holders and is_rival(quantity, other)
        ),
        key=lambda s: s[:2],
        reverse=True,
    )
    least = NEAR if holders else FAR
    if not scored or scored[0][0] < least or (holders and held > FAR * scored[0][0]):
        return []
    return [other for score, _, other in scored if score >= max(least, scored[0][0] / 2)]


def namesakes(quantity: Quantity, source: Source, holders: list[int]) -> list[Quantity]:
    """The same figure in another unit of the same measure, where none has it in this unit.

    `6 days` may be the `six` of `six months` or a plain `six` said elsewhere; the unit tells.
    """
    unit = quantity.unit
    if unit is None or is_age(quantity):
        return []
    same_figure = [(i, q) for i, q in source.quantities if set(q.values) & set(quantity.values)]
    if any(i in holders and q.unit is not None and equal(quantity, q) for i, q in same_figure):
        return []
    return [
        q
        for _, q in same_figure
        if q.unit is not None and q.unit.dimension == unit.dimension and not equal(quantity, q)
    ]


def is_rival(quantity: Quantity, other: Quantity) -> bool:
    """A written number of the same measure that is not the same."""
    if other.implied or is_age(quantity) != is_age(other):
        return False
    return measure(other) == measure(quantity) and not equal(quantity, other)


def is_age(quantity: Quantity) -> bool:
    """An age rather than a duration, by its form: `58-year-old`, `58 y.o.`"""
    return quantity.text.rstrip(".").lower().endswith(("old", "y.o", "yo", "y/o"))


def measure(quantity: Quantity) -> str:
    """What the quantity measures; empty without a unit."""
    return quantity.unit.dimension if quantity.unit is not None else ""
