"""Finds drugs that follow a comma with a dose or a frequency: no earlier denial reaches them.

`Denies chest pain, warfarin 5 mg daily`: a drug that is written with its dose is taken. But a list
of drugs that are denied continues over its commas: `avoid aspirin 325 mg, ibuprofen 800 mg`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from edgemed.clinic.reading.concepts import NamedAt
from edgemed.clinic.words import Word

# After the name, salts and forms aside.
DOSE = re.compile(
    r"(?:[ -](?:hcl|er|xr|sr|xl|cr|dr|ec|succinate|tartrate|sodium|glargine|lispro|aspart))*"
    r"\s*(?:\(?\d[\d.,/]*[ -]?(?:mg|mcg|ug|µg|g|gm|units?|u|iu|meq|ml|puffs?|tabs?|tablets?|caps?"
    r"|capsules?|drops?|%)(?!\w)"
    r"|(?:once|twice|daily|nightly|weekly|every|bid|tid|qid|qd|qhs|qam|qpm|q\d+h|b\.i\.d"
    r"|t\.i\.d|prn|as needed)\b)",
    re.IGNORECASE,
)


class DrugAt(NamedTuple):
    """Where a drug begins, and whether it has a dose or a frequency."""

    start: int
    dosed: bool


def drugs_at(text: str, found: Sequence[Word], named: Sequence[NamedAt]) -> list[DrugAt]:
    """Every drug of a sentence, in order."""
    drugs = [(found[f.first].start, found[f.last].end) for f in named if f.concept.kind == "drug"]
    return [DrugAt(start, DOSE.match(text, end) is not None) for start, end in sorted(drugs)]
