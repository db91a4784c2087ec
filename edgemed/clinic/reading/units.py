"""Units as written, by UCUM code: what each measures, and its factor to the base of that."""

import re
from dataclasses import dataclass
from functools import cache

from edgemed.clinic.lists import rows_of


@dataclass(frozen=True, slots=True)
class Unit:
    """A UCUM code, what it measures, and the factor to that measure's base."""

    code: str
    dimension: str
    factor: float


ATTACHED = {"s", "d", "m", "h", "a", "c", "f", "u", "cap", "l"}  # a word or letter unless attached
CAPITAL = {"C", "F", "L", "U", "M"}
POWER = re.compile(r"\s*[x×*]\s*10\s*(?:\^|\*\*?|e)?\s*(\d{1,2})\s*/\s*([LlµuμmM]+[Ll]?3?)")

METRES = re.compile(r"\b[12]\.\d+$")  # a number before ` m` that can only be a height


def unit_behind(text: str, at: int) -> tuple[Unit | None, int]:
    """The unit written at `at` (after a space or a hyphen at most) and where it ends."""
    power = POWER.match(text, at)
    if power is not None:
        per_litre = {"l": 0, "ul": 6, "µl": 6, "μl": 6, "mm3": 6}.get(power[2].lower())
        if per_litre is not None:
            factor = 10.0 ** (int(power[1]) + per_litre)
            return Unit("10*9/L", "count concentration", factor), power.end()
    match = _units().match(text, at)
    if match is None:
        return None, at
    form = match["form"]
    attached = match.start("form") == at
    is_height = form == "m" and METRES.search(text[:at]) is not None
    if form.lower() in ATTACHED and not attached and form not in CAPITAL and not is_height:
        return None, at
    if form.lower() == "m" and form == "M":
        return None, at
    return unit_of(form), match.end()


@cache
def _units() -> re.Pattern[str]:
    """Any written unit, longest first, not followed by a letter."""
    forms = sorted({f for row in rows_of("units.tsv") for f in row[0].split("|")}, key=len)
    body = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in reversed(forms))
    return re.compile(rf"\s?-?\s?(?P<form>{body})(?![A-Za-z])", re.IGNORECASE)


@cache
def unit_of(form: str) -> Unit:
    """The unit that a written form names."""
    wanted = re.sub(r"\s+", " ", form.lower())
    for forms, code, dimension, factor in rows_of("units.tsv"):
        if wanted in forms.split("|"):
            return Unit(code, dimension, float(factor))
    raise ValueError(f"there is no unit written {form!r}")


def base(value: float, unit: Unit) -> float:
    """`value` in the base of what the unit measures."""
    return value * unit.factor
