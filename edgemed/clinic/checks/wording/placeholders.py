"""Blanks of a form that the draft left unfilled, such as `[Name]`. Looks only at the draft."""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.machine_talk import placeholders
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each."""
    offset = said.sentence.span.start
    for match in placeholders(said.sentence.text, source.text):
        span = Span(match.start() + offset, match.end() + offset)
        yield Flag("placeholder", "not found", "major", "a blank that was not filled in", span)
