"""Rule checks of a draft against its source: a read sentence in, flags out, no model."""

from collections.abc import Callable, Iterator

from edgemed.clinic.checks import (
    assertion,
    doses,
    entities,
    laterality,
    numbers,
    people,
    resemblance,
    times,
)
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Said
from edgemed.clinic.source import Source

CHECKS: dict[str, Callable[[Said, Source], Iterator[Flag]]] = {
    "numbers": numbers.check,
    "doses": doses.check,
    "times": times.check,
    "laterality": laterality.check,
    "assertion": assertion.check,
    "people": people.check,
    "entities": entities.check,
    "resemblance": resemblance.check,
}


def flags(said: Said, source: Source) -> tuple[Flag, ...]:
    """All flags of one sentence, in draft order."""
    found = [flag for check in CHECKS.values() for flag in check(said, source)]
    return tuple(sorted(found, key=lambda f: (f.draft, f.check)))
