"""Dates of the draft that are not in the source."""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.dates import Date, agree
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each date that agrees with no date of the source."""
    for date in said.dates:
        if any(agree(date, other) for _, other in source.dates) or _year_said(date, source):
            continue
        others = [d for _, d in source.dates if _same_kind(date, d)]
        if others:
            text = ", ".join(dict.fromkeys(d.text for d in others[:3]))
            reason = f"{date.text} is not in the note; it has {text}"
            spans = tuple(d.span for d in others[:3])
            yield Flag("date", "contradicted", "minor", reason, date.span, spans)
        else:
            yield Flag("date", "not found", "minor", f"{date.text} is not in the note", date.span)


def _year_said(date: Date, source: Source) -> bool:
    """A year that the source has as a plain number."""
    return (
        date.year is not None
        and date.month is None
        and any(float(date.year) in q.values for _, q in source.quantities)
    )


def _same_kind(a: Date, b: Date) -> bool:
    """Both weekdays, or both calendar dates."""
    return bool(a.name) == bool(b.name)
