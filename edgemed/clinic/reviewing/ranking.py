"""Which flags of a draft come first. Knows findings alone: a list is sorted without the checks."""

from collections.abc import Iterable

from edgemed.clinic.findings import Flag

FIRST = 3  # flags of a draft that are listed first
ORDER = (
    "whole draft", "planted", "dose", "status", "regimen", "entity", "laterality", "negation",
    "number", "sex", "frequency", "level", "site", "reason", "certainty", "severity", "trend",
    "experiencer", "date",
)  # fmt: skip
"""Checks in the order in which their flags are shown where they are equally serious."""


def ranked(flags: Iterable[Flag]) -> list[Flag]:
    """The most serious first: major ones, then contradicted ones, then by check."""
    return sorted(flags, key=rank)


def rank(flag: Flag) -> tuple[bool, bool, int, int]:
    """The sort key of a flag; smaller comes first."""
    order = ORDER.index(flag.check) if flag.check in ORDER else len(ORDER)
    return flag.severity != "major", flag.label != "contradicted", order, flag.draft.start


def first_then_rest(flags: Iterable[Flag]) -> tuple[list[Flag], list[Flag]]:
    """The few to look at first, gravest first, and the rest in the draft's order."""
    found = list(flags)
    first = ranked(found)[:FIRST]
    return first, [flag for flag in found if not any(flag is f for f in first)]
