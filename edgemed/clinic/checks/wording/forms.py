"""Dose forms that are misread too often to be written: the Joint Commission's do-not-use list.

Looks only at the draft. A trailing zero is flagged in doses only: in a laboratory value it says
how exact the value is.
"""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

DOSE = r"\s?(?:mg|mcg|g|mL|ml|units?|mEq)\b(?!/)"
FORMS = (
    (re.compile(r"(?<=\d)\s?U\b(?!/)"), "write 'units' in full"),
    (re.compile(r"\bIU\b(?!/)"), "write 'international units' in full"),
    (re.compile(r"\bQ\.?O\.?D\b\.?|\bq\.?o\.?d\b\.?"), "write 'every other day'"),
    (re.compile(r"\bQ\.?D\b\.?|\bq\.?d\b\.?"), "write 'daily'"),
    (re.compile(rf"\b\d+\.0(?={DOSE})"), "a trailing zero can be read as ten times the dose"),
    (re.compile(rf"(?<![\d.])\.\d+(?={DOSE})"), "a dose below one needs a zero before the point"),
    (re.compile(r"\b(?:MSO4|MgSO4)\b|\bMS(?=\s?\d+\s?mg)"), "write the drug's name in full"),
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each form; other checks compare the dose itself with the source."""
    for pattern, remedy in FORMS:
        for match in pattern.finditer(said.sentence.text):
            offset = said.sentence.span.start
            span = Span(match.start() + offset, match.end() + offset)
            reason = f"{match.group().strip()!r} is easily misread: {remedy}"
            yield Flag("form", "not checked", "minor", reason, span)
