"""Drugs that stand with a dose or how often, where what was said before a comma does not reach.

`Denies chest pain, warfarin 5 mg daily`: one who writes the dose writes of a drug that is taken.
`Avoid ibuprofen 800 mg` and `no aspirin, ibuprofen 800 mg` have no comma, or a drug before it.
"""

import re
from collections.abc import Sequence

from edgemed.clinic.reading.concepts import NamedAt
from edgemed.clinic.words import Word

# Behind the name, salts and forms aside.
DOSE = re.compile(
    r"(?:[ -](?:hcl|er|xr|sr|xl|cr|dr|ec|succinate|tartrate|sodium|glargine|lispro|aspart))*"
    r"\s*(?:\(?\d[\d.,/]*[ -]?(?:mg|mcg|ug|µg|g|gm|units?|u|iu|meq|ml|puffs?|tabs?|tablets?|caps?"
    r"|capsules?|drops?|%)(?!\w)"
    r"|(?:once|twice|daily|nightly|weekly|every|bid|tid|qid|qd|qhs|qam|qpm|q\d+h|b\.i\.d"
    r"|t\.i\.d|prn|as needed)\b)",
    re.IGNORECASE,
)
# What was said of one thing goes on over these to the drug: `denies taking aspirin 81 mg`.
OF_DRUGS = re.compile(r"\b(?:tak\w+|took|us(?:e|es|ed|ing)|on|with|to|for)\s*$", re.IGNORECASE)


def dosed(text: str, found: Sequence[Word], named: Sequence[NamedAt]) -> list[int]:
    """Where drugs begin that stand behind a comma with their dose, no drug between the two."""
    drugs = [f for f in named if f.concept.kind == "drug"]
    starts = []
    for f in drugs:
        start, end = found[f.first].start, found[f.last].end
        clause = max(text.rfind(c, 0, start) for c in ",;") + 1
        free = clause and OF_DRUGS.search(text, clause, start) is None
        if free and DOSE.match(text, end) and not _follows_a_drug(text, found, drugs, clause):
            starts.append(start)
    return starts


def _follows_a_drug(
    text: str, found: Sequence[Word], drugs: Sequence[NamedAt], clause: int
) -> bool:
    """Whether the part of the sentence before the comma is a drug without a dose: a list."""
    begin = max(text.rfind(c, 0, clause - 1) for c in ",;:.") + 1
    before = [f for f in drugs if begin <= found[f.first].start < clause]
    return bool(before) and DOSE.match(text, found[before[-1].last].end) is None
