"""How often, outside drug regimens: habits, attacks, exercises, and drugs without a dose."""

from collections.abc import Iterator

from edgemed.clinic.checks.quantities.regimens import CLOSE
from edgemed.clinic.findings import Flag, Severity
from edgemed.clinic.reading.frequencies import AS_NEEDED, Detail, is_clock, rates
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source

BESIDE = 8  # characters from a count to `a day`
NEAR, FAR = 0.5, 0.25  # as for numbers: share of the context of another frequency


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each frequency that is not in the source, or is there for something
    else."""
    drugs = any(m.concept.kind == "drug" for m in said.mentions)
    for rate in rates(said):
        if is_clock(rate) or float(rate.value) <= AS_NEEDED:
            continue
        counted = is_counted(rate, said)
        holders = [
            i
            for i, other in source.rates
            if is_same(rate, other) or (counted and is_within_a_day(other))
        ]
        company = source.company(said, rate.span)
        held = max((source.kept(company, i) for i in holders), default=0.0)
        rivals = [
            (source.kept(company, i), other)
            for i, other in source.rates
            if i not in holders and isinstance(other.value, float) and other.value > AS_NEEDED
        ]
        best = max(rivals, key=lambda r: r[0], default=None)
        severity: Severity = "major" if drugs else "minor"
        words = said.sentence.text[
            rate.span.start - said.sentence.span.start : rate.span.end - said.sentence.span.start
        ]
        if best is not None and best[0] >= (NEAR if holders else FAR) and held <= FAR * best[0]:
            there = source.text[best[1].span.start : best[1].span.end]
            reason = f"{words} in the draft; the note has {there}"
            yield Flag("frequency", "contradicted", severity, reason, rate.span, (best[1].span,))
        elif not holders and not is_denied(rate, said):
            reason = f"{words}: this frequency is not in the note"
            yield Flag("frequency", "not found", severity, reason, rate.span)


def is_denied(rate: Detail, said: Said) -> bool:
    """`Has not been taking it daily` says no frequency."""
    return any(
        m.polarity == "no" and m.span.start < rate.span.end and rate.span.start < m.span.end
        for m in said.mentions
    )


def is_counted(rate: Detail, said: Said) -> bool:
    """`Three pills a day` may be one three times a day."""
    return rate.value == 1.0 and any(
        0 <= rate.span.start - q.span.end <= BESIDE and q.values[0] > 1 for q in said.quantities
    )


def is_within_a_day(other: Detail) -> bool:
    return isinstance(other.value, float) and other.value > 1.0


def is_same(a: Detail, b: Detail) -> bool:
    """As often, or a time of day for what is once a day."""
    if is_clock(b):
        return a.value == 1.0
    x, y = float(a.value), float(b.value)
    return abs(x - y) <= CLOSE * max(x, y)
