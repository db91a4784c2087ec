"""Names of people that the draft has and the source has not."""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.said import Said
from edgemed.clinic.source import Source

# Patients' own family names often come from the record, not from what was said: not looked at.
NAMED = re.compile(r"\b(?:Dr\.?|Doctor|Nurse|Prof\.?)\s+(?P<name>[A-Z][A-Za-zÀ-ÿ'-]+)")


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each clinician whose name the source lacks."""
    for match in NAMED.finditer(said.sentence.text):
        name = match["name"].lower()
        if match["name"].isupper():  # initials, or a name struck out: Dr. X
            continue
        if not any(part in source.words for part in (name, *re.split(r"['-]", name))):
            start, end = (at + said.sentence.span.start for at in match.span())
            reason = f"{match.group()} is not named in the source"
            yield Flag("name", "not found", "minor", reason, Span(start, end))
