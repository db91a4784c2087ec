"""Small invented sources with right and wrong drafts: how many are told apart.

What is not yet told apart is counted here, so that no change loses more.
"""

import json
from pathlib import Path

from edgemed.clinic.checks.review import review_read
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read

LEAST_FOUND = 230  # of 260 wrong drafts
MOST_FLAGGED = 11  # of 193 right ones


def is_flagged(source: Source, draft: str) -> bool:
    return any(claim.flags for claim in review_read(source, read(draft)).claims)


def test_wrong_drafts_are_flagged_and_right_ones_are_not(data: Path) -> None:
    lines = (data / "clinical/probes/statements.jsonl").read_text(encoding="utf-8").splitlines()
    found = flagged = 0
    for row in map(json.loads, lines):
        source = Source(row["source"])
        found += sum(is_flagged(source, draft) for draft in row["wrong"])
        flagged += sum(is_flagged(source, draft) for draft in row["right"])
    assert found >= LEAST_FOUND
    assert flagged <= MOST_FLAGGED
