"""Whether a value in a table of results is high or low by the reference range beside it.

`K 5.9 mmol/L 3.5-5.0` says that the potassium is high. Reads what is written; knows no range.
"""

import re
from collections.abc import Iterator, Sequence

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.said import Cue, Mention

_NUMBER = r"\d+(?:\.\d+)?"
RESULT = re.compile(
    rf"\s+(?P<value>{_NUMBER})\s+(?:[A-Za-z%µ/^*0-9]+\s+)?\(?(?P<low>{_NUMBER})\s?[-–]\s?"
    rf"(?P<high>{_NUMBER})\)?(?![\w/])"
)


def levels_by_range(text: str, offset: int, mentions: Sequence[Mention]) -> Iterator[Cue]:
    """The level of each test whose value is between its name and its range."""
    for mention in mentions:
        match = RESULT.match(text, mention.span.end - offset)
        if mention.concept.kind != "procedure" or match is None:
            continue
        value, low, high = (float(match[part]) for part in ("value", "low", "high"))
        level = "low" if value < low else "high" if value > high else "normal"
        start, end = match.span("value")
        yield Cue("level", level, Span(start + offset, end + offset), (mention.concept.name,))
