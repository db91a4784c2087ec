"""Rule checks of a draft against its source: a read sentence in, flags out, no model."""

from collections.abc import Callable, Iterator

from edgemed.clinic.checks.assertions import (
    assertion,
    attributes,
    denials,
    devices,
    hedges,
    lost_denials,
    opposites,
    people,
)
from edgemed.clinic.checks.entities import (
    allergies,
    entities,
    laterality,
    reasons,
    sex,
    sites,
    slots,
)
from edgemed.clinic.checks.harm import weighed
from edgemed.clinic.checks.quantities import (
    codes,
    doses,
    frequencies,
    numbers,
    regimens,
    times,
    values,
)
from edgemed.clinic.checks.wording import (
    conclusions,
    forms,
    names,
    placeholders,
    planted,
    resemblance,
    wording,
)
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

CHECKS: dict[str, Callable[[Said, Source], Iterator[Flag]]] = {
    "numbers": numbers.check,
    "codes": codes.check,
    "values": values.check,
    "doses": doses.check,
    "regimens": regimens.check,
    "times": times.check,
    "laterality": laterality.check,
    "opposites": opposites.check,
    "attributes": attributes.check,
    "certainty": hedges.check,
    "devices": devices.check,
    "sites": sites.check,
    "reasons": reasons.check,
    "allergies": allergies.check,
    "sex": sex.check,
    "frequencies": frequencies.check,
    "assertion": assertion.check,
    "denials": denials.check,
    "lost denials": lost_denials.check,
    "people": people.check,
    "entities": entities.check,
    "slots": slots.check,
    "conclusions": conclusions.check,
    "resemblance": resemblance.check,
    "wording": wording.check,
    "names": names.check,
    "forms": forms.check,
    "placeholders": placeholders.check,
}


def flags(said: Said, source: Source) -> tuple[Flag, ...]:
    """All flags of one sentence in draft order; of two for the same words, the more specific one. A
    check flags the same words once.
    """
    raised = raised_by(said, source)
    rest, out = source.trusted
    if out:
        raised += planted.check(said, source, raised, raised_by(said, rest))
    found = list({(f.check, f.draft): f for f in sorted(raised, key=_least_first)}.values())
    kept = [
        weighed(flag, said, source)
        for flag in found
        if not any(_says_more(other, flag) for other in found)
    ]
    return tuple(sorted(kept, key=lambda f: (f.draft, f.check)))


def raised_by(said: Said, source: Source) -> list[Flag]:
    """The flags of each check on a sentence."""
    return [flag for check in CHECKS.values() for flag in check(said, source)]


# A flag of the first check replaces one of the second where they share words.
TELLING = {
    ("dose", "number"),
    ("dose", "frequency"),
    ("regimen", "frequency"),
    ("number", "frequency"),
    ("dose", "regimen"),
    ("regimen", "number"),
    ("number", "unsupported"),
    ("entity", "unsupported"),
    ("entity", "wording"),
    ("entity", "conclusion"),
    ("conclusion", "unsupported"),
    ("wording", "conclusion"),
    ("experiencer", "wording"),
    ("name", "wording"),
    ("planted", "unsupported"),
}


def _least_first(flag: Flag) -> tuple[bool, bool]:
    """Of two flags of a check on the same words the last is kept: the one that contradicts."""
    return flag.label == "contradicted", flag.severity == "major"


def _says_more(other: Flag, flag: Flag) -> bool:
    if other is flag or other.draft.start >= flag.draft.end or flag.draft.start >= other.draft.end:
        return False
    if other.check == flag.check == "negation":
        return _length(other) < _length(flag)
    return (other.check, flag.check) in TELLING


def _length(flag: Flag) -> int:
    return flag.draft.end - flag.draft.start
