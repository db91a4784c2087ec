"""Cuts a read sentence into claims: stretches that each state facts of their own.

`Fever since Monday, and she was given amoxicillin 500 mg` is two claims, whose evidence is in two
places. A list of denied symptoms stays one: its parts mean nothing without the denial.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.said import Said

_VERB = (
    "is|are|was|were|has|have|had|will|would|does|did|denie[sd]|reports?|reported|states?|stated"
    "|notes|noted|takes?|took|uses?|used|underwent|endorses?|complains?|continues?|continued"
    "|started|stopped|shows?|showed|reveals?|revealed|presents?|presented|received|remains?"
    "|can|cannot|should|feels|felt"
)
# Where a new clause begins: a semicolon, or a conjunction with a verb or a subject after it.
CLAUSE = re.compile(
    rf";\s+|,?\s+(?=(?:and|but|while|whereas|although|however|then)\b(?: then)?,? "
    rf"(?:(?:he|she|it|they|we|i|there|the \w+|his \w+|her \w+|\w+ly) )?(?:{_VERB})\b)",
    re.IGNORECASE,
)
# Where a further drug with its dose may begin in a list of drugs.
LISTED = re.compile(r",\s+(?:and\s+)?|\s+and\s+", re.IGNORECASE)


def claims(said: Said, flags: tuple[Flag, ...]) -> list[tuple[Span, tuple[Flag, ...]]]:
    """The claims of a sentence in order, each with its flags; no flag reaches beyond its claim."""
    spans: list[Span] = []
    for part in parts(said):
        if spans and any(f.draft.start < spans[-1].end < f.draft.end for f in flags):
            spans[-1] = Span(spans[-1].start, part.end)
        else:
            spans.append(part)
    starts = [span.start for span in spans]
    held = [bisect_right(starts, flag.draft.start) - 1 for flag in flags]
    return [
        (span, tuple(flag for flag, at in zip(flags, held, strict=True) if max(at, 0) == i))
        for i, span in enumerate(spans)
    ]


def parts(said: Said) -> list[Span]:
    """The stretches between cuts that state facts; one without facts joins the stretch before
    it."""
    whole = said.sentence.span
    found: list[Span] = []
    start = whole.start
    for cut, after in [*sorted(_cuts(said)), (whole.end, whole.end)]:
        if cut < whole.end and not (
            carries(said, Span(start, cut)) and carries(said, Span(after, whole.end))
        ):
            continue
        found.append(Span(start, cut))
        start = after
    return found


def carries(said: Said, span: Span) -> bool:
    """Whether the stretch holds something that can be compared with the source."""
    named = [m.span for m in said.mentions if m.concept.kind not in ("word", "anatomy")]
    numbers = [q.span for q in said.quantities] + [d.span for d in said.dates]
    return any(span.start <= s.start and s.end <= span.end for s in (*named, *numbers))


def _cuts(said: Said) -> Iterator[tuple[int, int]]:
    """Where a claim may end, and where the next would begin."""
    text, offset = said.sentence.text, said.sentence.span.start
    for match in CLAUSE.finditer(text):
        yield match.start() + offset, match.end() + offset
    drugs = sorted(m.span for m in said.mentions if m.concept.kind == "drug")
    doses = [q.span.start for q in said.quantities if q.unit is not None]
    for drug, following in pairwise(drugs):
        if not any(drug.end <= dose < following.start for dose in doses):
            continue
        gaps = [m for m in LISTED.finditer(text) if drug.end <= m.start() + offset]
        gaps = [m for m in gaps if m.end() + offset == following.start]
        if gaps:
            yield gaps[0].start() + offset, gaps[0].end() + offset
