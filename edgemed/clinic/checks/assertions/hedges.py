"""What the draft states and the source only calls possible: `possible pneumonia` made pneumonia.

For listed concepts all sentences about the same thing count; for other words only the one sentence
that is nearly the draft's own.
"""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.assertions.attributes import HABITS
from edgemed.clinic.checks.assertions.denials import EMPTY
from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.reading.said import Cue, Mention, Said
from edgemed.clinic.reading.source import Source

LISTED = ("finding", "disease")
NEARLY = 0.6  # share of the best sentence's context from which another one counts as well
SAME = 0.5  # share of a plain word's context in the sentence that doubts it
BESIDE = re.compile(
    r"\b(?:possibl[ey]|likely"
    r"|(?:may|might|could)(?= (?:\w+ )?(?:be|have|represent|indicate|reflect)\b)"
    r"|suspected|questionable|suspicious for"
    r"|concern(?:ed|ing)? for)\s+(?:[\w-]+\s+){0,2}$",
    re.I,
)
HEDGED = re.compile(
    r"\b(?:possib\w+|probab\w+|likely|unlikely|may|maybe|might|could|suspect\w*|suspici\w+"
    r"|question\w*|presum\w+|concern\w*|worr\w+|potential\w*|appears?|seems?|suggest\w*"
    r"|consistent|compatible|rule[ds]? out|r/o|versus|vs|differential|exclud\w*|consider\w*|whether"
    r"|if|think|thinks|thought|believe[sd]?|assess|evaluate|risks?|would|should|can)\b",
    re.I,
)
# A clinician's impression, which needs no other word of doubt: `Imp: gastroenteritis`.
IMPRESSION = re.compile(r"\W*(?:imp|impression|d?dx|differentials?)\b\s*[:-]", re.I)
MAY = re.compile(r"may|might|could", re.I)
IS = re.compile(r"\s+(?:\w+ly\s+)?(?:be|have|represent|indicate|reflect|suggest|show|mean)\b", re.I)
EXCLUDED = re.compile(r"cannot|suspected|questionable|equivocal|unclear", re.I)
CLAUSE = re.compile(r"[,;:.?!]\s|\b(?:but|however|although|which|who)\b", re.I)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each problem, and at most one for another word, that is stated outright."""
    if said.asks or IMPRESSION.match(said.sentence.text) is not None:
        return
    doubted = {n for c in said.cues if c.attribute == "certainty" and c.value == "possible"
               for n in c.of}  # fmt: skip
    flagged = False
    for mention in said.mentions:
        context = mention.context
        if mention.concept.name in HABITS:
            continue  # `I probably have one drink a month` doubts the number
        if said.sentence.text[: mention.span.start - said.sentence.span.start].endswith("?"):
            continue  # `?PE`
        if mention.polarity != "yes" or context.historical or context.uncertain:
            continue
        listed = mention.concept.kind in LISTED
        if (listed and mention.concept.name in doubted) or (not listed and flagged):
            continue
        if not listed and (mention.concept.name in EMPTY or is_hedged(said, mention)):
            continue
        there = doubts(said, mention, source, listed)
        if there:
            flagged = flagged or not listed
            reason = f"{mention.concept.name} is certain in the draft, only possible in the note"
            yield Flag("certainty", "contradicted", "minor", reason, mention.span, tuple(there))


def is_hedged(said: Said, mention: Mention) -> bool:
    """Whether the clause of the word hedges in any way."""
    text, at = said.sentence.text, mention.span.start - said.sentence.span.start
    cuts = [m.start() for m in CLAUSE.finditer(text)]
    low = max((c for c in cuts if c < at), default=0)
    high = min((c for c in cuts if c > at), default=len(text))
    return HEDGED.search(text, low, high) is not None


def doubts(said: Said, mention: Mention, source: Source, listed: bool) -> list[Span]:
    """Where the source doubts it; none unless every place about the same thing does."""
    told = [
        (i, m)
        for i, m in source.mentions.get(mention.concept.name, [])
        if m.polarity == "yes" and not source.said[i].asks
    ]
    if not told:
        return []
    company = source.company(said, mention.span)
    shares = [source.kept(company, i) for i, _ in told]
    most = max(shares)
    if not listed and (most < SAME or len(company) < 2):
        return []
    near = [place for place, share in zip(told, shares, strict=True) if share >= NEARLY * most]
    test = is_doubted if listed else is_doubted_word
    return [m.span for _, m in near[:3]] if all(test(source.said[i], m) for i, m in near) else []


def is_doubted(said: Said, mention: Mention) -> bool:
    """Whether the sentence says that the thing is only possible."""
    return mention.context.uncertain or any(
        cue.attribute == "certainty" and cue.value == "possible" and not cue.spoken
        and mention.concept.name in cue.of
        and (is_behind(said, mention, cue) or EXCLUDED.match(text_of(said, cue)) is not None)
        for cue in said.cues
    )  # fmt: skip


def is_behind(said: Said, mention: Mention, cue: Cue) -> bool:
    """Whether the hedge comes before, and is about what is so, not about what will be done."""
    behind = said.sentence.text[cue.span.end - said.sentence.span.start :]
    may = MAY.fullmatch(text_of(said, cue)) is not None
    return mention.span.start >= cue.span.start and not (may and IS.match(behind) is None)


def text_of(said: Said, cue: Cue) -> str:
    start = said.sentence.span.start
    return said.sentence.text[cue.span.start - start : cue.span.end - start]


def is_doubted_word(said: Said, mention: Mention) -> bool:
    """Whether a hedge is right before the word."""
    start = mention.span.start - said.sentence.span.start
    return BESIDE.search(said.sentence.text[:start]) is not None
