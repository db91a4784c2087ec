"""Small invented sources with right and wrong drafts: how many are told apart.

What is not told apart is listed here with the reason, so that no change loses more.
"""

import json
from pathlib import Path

from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review_read

NOT_FOUND = {
    "Admitted on February 14, 2024.": "both dates are there: no event is bound to its date",
    "Discharged on February 9, 2024.": "both dates are there: no event is bound to its date",
    "Began yesterday.": "`yesterday` is not held against `five days ago`",
    "Right eye cataract.": "OS is read as a side, not as an eye of its own",
    "Visual acuity 20/40 in the right eye.": "a pair of numbers is not bound to its eye",
    "Patient denies dizziness.": "`diziness` is not read as dizziness",
    "No headache.": "HA is not read: in talk it is a laugh",
    "Pulse 16.": "the letters of a line of vitals are not read",
    "Heart rate 98.": "the letters of a line of vitals are not read",
    "Respiratory rate 72.": "the letters of a line of vitals are not read",
    "Refer to neurology.": "no list has specialties",
}
FLAGGED = {
    "Seen on 3 April 2024.": "03/04/2024 is read as March the 4th",
    "Complains of dizziness.": "`diziness` is not read as dizziness",
    "No nausea, vomiting or diarrhea. Headache for 3 days.": "N/V/D and HA are not read",
    "Pulse 72, respirations 16, blood pressure 118/76, oxygen saturation 98% on room air.":
        "RA is not read: it is arthritis elsewhere",
}  # fmt: skip


def is_flagged(source: Source, draft: str) -> bool:
    return any(claim.flags for claim in review_read(source, read(draft)).claims)


def test_wrong_drafts_are_flagged_and_right_ones_are_not(data: Path) -> None:
    lines = (data / "clinical/probes/statements.jsonl").read_text(encoding="utf-8").splitlines()
    missed: set[str] = set()
    flagged: set[str] = set()
    for row in map(json.loads, lines):
        source = Source(row["source"])
        missed |= {draft for draft in row["wrong"] if not is_flagged(source, draft)}
        flagged |= {draft for draft in row["right"] if is_flagged(source, draft)}
    assert missed <= NOT_FOUND.keys()
    assert flagged <= FLAGGED.keys()
