"""Checks a draft against its source: claims with evidence and flags, omissions, the vital check.

Works on two plain texts and answers with data (`findings.Review`). Removes and rewrites nothing,
and never says that a draft is right.
"""

from dataclasses import replace

from edgemed.clinic.checks import flags
from edgemed.clinic.checks.wording import planted
from edgemed.clinic.findings import SAYS, Claim, Flag, Label, Omission, Review, Span
from edgemed.clinic.language import is_in_another_language
from edgemed.clinic.note import KNOWN_HEADINGS
from edgemed.clinic.reading.claims import claims
from edgemed.clinic.reading.machine_talk import machine_talk
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.text import headings, read
from edgemed.clinic.reviewing.omissions import omissions
from edgemed.clinic.reviewing.support import Support, support
from edgemed.clinic.reviewing.usable import instructions, unusable
from edgemed.clinic.vital.comparing import vital

UNREAD = "the checks only know English: compare every sentence with the note yourself"


def review(source: str, draft: str) -> Review:
    """Every claim of `draft` beside its evidence in `source`."""
    return review_text(Source(source), draft)


class Reviewer:
    """Callable like `review`; keeps the source it read last, for a draft that keeps changing."""

    def __init__(self) -> None:
        self._source = Source("")

    def read(self, source: str) -> Source:
        """The source read, with its vectors, which a review would otherwise wait for."""
        if source != self._source.text:
            self._source = Source(source)
        _ = self._source.index.vectors
        return self._source

    def __call__(self, source: str, draft: str) -> Review:
        """Every claim of `draft` beside its evidence in `source`."""
        return review_text(self.read(source), draft)


def review_text(source: Source, draft: str) -> Review:
    """`review` of a source read before."""
    found = review_read(source, read(draft))
    alone = not found.claims
    own = [c for said in headings(draft) for c in heading_claims(source, said, alone=alone)]
    claims = tuple(sorted((*found.claims, *own), key=lambda c: c.draft))
    why = unusable(source.text, draft, claims, instructions())
    return replace(found, claims=claims, unusable=(*why, *machine_talk(draft, source.text)))


def heading_claims(source: Source, said: Said, *, alone: bool) -> list[Claim]:
    """A heading is not a claim, unless the note has it only in text addressed to the model."""
    known = said.sentence.text.rstrip(" :").lower() in KNOWN_HEADINGS
    if known or not source.trusted[1]:
        return []
    flags = planted.check_heading(said, source, alone=alone)
    return [Claim(said.sentence.span, "not found", flag.source, (flag,)) for flag in flags]


def review_read(source: Source, draft: list[Said]) -> Review:
    """`review` of a source read before: many drafts of one note are checked against one reading."""
    text = "\n".join(said.sentence.text for said in draft)
    if source.language == "other" or is_in_another_language(text, source.text):
        return replace(unread(draft), addressed=source.addressed)
    found = [claim for said in draft for claim in claims_of(source, said)]
    lines = vital(source, draft)
    return Review(tuple(found), left_out(source, draft), source.addressed, vital=lines)


def left_out(source: Source, draft: list[Said]) -> tuple[Omission, ...]:
    """The omissions; a reason says so if only text that addresses the model states the fact."""
    rest, out = source.trusted
    found = omissions(rest, draft)
    if not out:
        return found
    own = {omission.source for omission in found}
    further = [
        replace(omission, reason=f"{omission.reason} (in text that {SAYS[place.kind]})")
        for omission in omissions(source, draft)
        for place in source.addressed
        if omission.source not in own
        and place.span.start < omission.source.end
        and omission.source.start < place.span.end
    ]
    return tuple(sorted((*found, *further), key=lambda o: o.severity))


def unread(draft: list[Said]) -> Review:
    """The review of what is not English: nothing is checked, and a major flag says so."""
    spans = [said.sentence.span for said in draft]
    raised = tuple(Flag("language", "not checked", "major", UNREAD, span) for span in spans[:1])
    found = [Claim(span, "not checked", (), raised[n : n + 1]) for n, span in enumerate(spans)]
    return Review(tuple(found), ())


def claims_of(source: Source, said: Said) -> list[Claim]:
    """The claims of one sentence or list item, each with its evidence and flags."""
    return [_claim(source, said, *part) for part in claims(said, flags(said, source))]


def _claim(source: Source, said: Said, span: Span, raised: tuple[Flag, ...]) -> Claim:
    start = said.sentence.span.start
    rest, _ = source.trusted
    found = rest.index.best(said.sentence.text[span.start - start : span.end - start])
    spans = tuple(rest.span(match.sentence) for match in found)
    labels = {flag.label for flag in raised}
    for worst in ("contradicted", "not found"):
        if worst in labels:
            return Claim(span, worst, spans, raised)
    borne = support(said, span, rest, [match.sentence for match in found])
    return Claim(span, verdict(borne, bool(found)), spans, raised, borne.missing)


def verdict(borne: Support, speaks: bool) -> Label:
    """The label of a claim that no flag contradicts: supported only where all of it was found."""
    if not borne.compared:
        return "nothing to compare"
    if not speaks or len(borne.missing) >= borne.compared:
        return "not found"
    return "partly supported" if borne.missing else "supported"
