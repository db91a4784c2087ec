"""What the draft affirms and the source denies, or the other way round."""

import re
from collections.abc import Iterator

from edgemed.clinic.findings import Flag, Severity, Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

WEAK = frozenset(map(stem, words_of("weak.txt")))
CUT = re.compile(r"[,;:]|\b(?:and|or|but|nor|because|which|who|although|however)\b", re.IGNORECASE)
SURE = 0.4
ANY = re.compile(
    r"\b(?:reports?|reported|endorses?|admits to|complains of|has had|has|had|does have|does|"
    r"there (?:is|are|was|were)) any\b",
    re.IGNORECASE,
)
OR = re.compile(r"(?<!\d )\bor\b(?! (?:so|\d|an?\b|more|less))")
AFFIRMS = re.compile(
    r"\b(?:reports|endorses|reported|endorsed|complains of|positive for|(?:has|have) had|has|had|"
    r"there (?:is|are|was|were))\b",
    re.IGNORECASE,
)
PRESENT = re.compile(
    r"\b(?:has|had|have|reports?|reported|is|with|shows?|presents?|developed)\b", re.I
)
BESIDE = 12  # characters between `or` and what it joins
DENIAL = re.compile(r"\b(?:no|not|never|denie[sd]|if|whether|without|nor)\b|n't\b", re.IGNORECASE)
OPPOSITE = {"yes": "no", "no": "yes"}
BEFORE = re.compile(r"(?:\b(?:not|never|no|cannot|without|denies)|n't)\s+(?:\w+\s+){0,2}$", re.I)
VERB = 0.5  # share of a word's context in the sentence that says the opposite
COVERED = 0.75  # share of a phrase's weight that a source sentence must have to speak of the same
UNSEEN = 5.0  # weight of a word the source lacks
COMPARED = ("finding", "disease")
NOT_TAKEN = re.compile(
    r"\b(?:denie[sd]|not|never|no longer)\b (?:\w+ ){0,2}(?:tak|us)(?:e[sn]?|ing)\b", re.IGNORECASE
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each concept whose negation the source gives otherwise."""
    for mention in said.mentions:
        others = source.mentions.get(mention.concept.name, [])
        is_told = mention.concept.kind in COMPARED or is_acted_on(said, mention, source)
        if not is_told or mention.polarity == "open":
            continue
        yield from _polarity(said, mention, source, others)
    yield from _phrases(said, source)
    yield from _verbs(said, source)
    yield from _lost_denials(said)


def is_acted_on(said: Said, mention: Mention, source: Source) -> bool:
    """A drug given or not taken; in a note also a procedure done: talk denies those by the way."""
    if mention.concept.kind not in (("drug",) if source.is_talk else ("drug", "procedure")):
        return False
    return mention.polarity == "yes" or is_not_taken(said, mention)


def is_not_taken(said: Said, mention: Mention) -> bool:
    """A drug that the draft says is not taken; other denials of drugs are not reliable enough."""
    start = mention.span.start - said.sentence.span.start
    drug = mention.concept.kind == "drug" and mention.polarity == "no"
    return drug and NOT_TAKEN.search(said.sentence.text, 0, start) is not None


def _polarity(
    said: Said, mention: Mention, source: Source, others: list[tuple[int, Mention]]
) -> Iterator[Flag]:
    """The source only ever says the opposite."""
    others = [(i, m) for i, m in others if not m.context.historical]
    known = [m for _, m in others]
    if mention.context.historical or mention.context.uncertain:
        return
    same = [i for i, m in others if m.polarity == mention.polarity]
    if same and not _outweighed(said, mention, source, same, others):
        return
    if all(m.polarity == "open" for m in known):
        if known and mention.polarity == "yes" and not source.is_talk and is_present(said, mention):
            yield _conditional(mention, known)
        return
    here = "negated" if mention.polarity == "no" else "affirmed"
    there = "affirms" if mention.polarity == "no" else "negates"
    severity: Severity = "major" if mention.concept.kind == "drug" else "minor"
    reason = f"{mention.concept.name} is {here} in the draft; the source {there} it"
    spans = tuple(m.span for m in known[:3])
    yield Flag("negation", "contradicted", severity, reason, mention.span, spans)


def is_present(said: Said, mention: Mention) -> bool:
    """A problem that the draft says is there, in a sentence with a verb for it."""
    start = mention.span.start - said.sentence.span.start
    return (
        mention.concept.kind in COMPARED
        and PRESENT.search(said.sentence.text, 0, start) is not None
    )


def _conditional(mention: Mention, known: list[Mention]) -> Flag:
    reason = f"{mention.concept.name} is present in the draft, a condition in the source"
    spans = tuple(m.span for m in known[:3])
    return Flag("negation", "contradicted", "minor", reason, mention.span, spans)


def _outweighed(
    said: Said, mention: Mention, source: Source, same: list[int], others: list[tuple[int, Mention]]
) -> bool:
    """Whether sentences that say the opposite share clearly more of the mention's context."""
    company = source.company(said, mention.span)
    against = [i for i, m in others if m.polarity == OPPOSITE[mention.polarity]]
    against_it = max((source.kept(company, i) for i in against), default=0.0)
    for_it = max(source.kept(company, i) for i in same)
    return against_it >= SURE and for_it < against_it / 2


def _phrases(said: Said, source: Source) -> Iterator[Flag]:
    """Phrases that every source sentence speaking of the same denies where the draft does not."""
    for phrase in _segments(said):
        polarities = {m.polarity for m in phrase}
        if len(polarities) != 1 or "open" in polarities or not _telling(phrase):
            continue
        weights = {m.concept.name: source.rarity(m.concept.name) or UNSEEN for m in phrase}
        least = COVERED * sum(weights.values())
        there = [
            (i, {source.said[i].mentions[k] for k in ks})
            for i, ks in source.sharing(weights).items()
            if sum(weights[n] for n in {source.said[i].mentions[k].concept.name for k in ks})
            >= least
        ]
        (here,) = polarities
        if there and all({m.polarity for m in ms} == {OPPOSITE[here]} for _, ms in there):
            span = Span(phrase[0].span.start, phrase[-1].span.end)
            said_here = "negated" if here == "no" else "affirmed"
            verb = "affirms" if here == "no" else "negates"
            words = " ".join(m.concept.name for m in phrase)
            spans = tuple(source.span(i) for i, _ in there[:3])
            reason = f"{words}: {said_here} in the draft; the source {verb} it"
            yield Flag("negation", "contradicted", "minor", reason, span, spans)


def _verbs(said: Said, source: Source) -> Iterator[Flag]:
    """Plain words that the sentence of the same company says otherwise: `does not smoke now`."""
    if said.sentence.text.endswith("?"):
        return
    for mention in said.mentions:
        if mention.concept.kind != "word" or mention.polarity == "open":
            continue
        name = mention.concept.name
        if name in WEAK or mention.context.uncertain:
            continue
        company = source.company(said, mention.span)
        there = source.mentions.get(name, ())
        if len(company) < 2 or not there:
            continue
        against = [(source.kept(company, i), i, m) for i, m in there
                   if m.polarity == OPPOSITE[mention.polarity]]  # fmt: skip
        best = max(against, key=lambda a: a[0], default=None)
        own = max((source.kept(company, i) for i, m in there if m.polarity == mention.polarity),
                  default=0.0)  # fmt: skip
        if best is None or best[0] < VERB or own >= best[0] / 2:
            continue
        denied, at = (
            (said, mention) if mention.polarity == "no" else (source.said[best[1]], best[2])
        )
        if is_next_to_denial(denied, at):
            said_here = "negated" if mention.polarity == "no" else "affirmed"
            verb = "affirms" if mention.polarity == "no" else "negates"
            reason = f"{name}: {said_here} in the draft; the source {verb} it"
            span = mention.span
            yield Flag("negation", "contradicted", "minor", reason, span, (best[2].span,))
            return


def is_next_to_denial(said: Said, mention: Mention) -> bool:
    """Whether the denial is right before the word, and not a clause away."""
    start = mention.span.start - said.sentence.span.start
    return BEFORE.search(said.sentence.text[:start]) is not None


def _segments(said: Said) -> Iterator[list[Mention]]:
    """The meaningful words of a sentence, cut at commas and conjunctions."""
    text, offset = said.sentence.text, said.sentence.span.start
    cuts = [m.start() + offset for m in CUT.finditer(text)] + [said.sentence.span.end]
    mentions = sorted(said.mentions, key=lambda m: m.span)
    start = said.sentence.span.start
    for end in cuts:
        phrase = [m for m in mentions if start <= m.span.start < end and m.concept.name not in WEAK]
        if phrase:
            yield phrase
        start = end


def _telling(phrase: list[Mention]) -> bool:
    """Two words, or a finding: enough to recognise the same thing."""
    return len(phrase) > 1 or phrase[0].concept.kind in COMPARED


def _lost_denials(said: Said) -> Iterator[Flag]:
    """`reports any pain`, `reports fever or chills`: English says so of what is denied or asked.

    Where nothing denies or asks, a `no` may be lost.
    """
    text, offset = said.sentence.text, said.sentence.span.start
    for pattern, of in ((ANY, None), (OR, _listed)):
        for match in pattern.finditer(text):
            if DENIAL.search(text[: match.start()]) or "?" in text or (of and not of(said, match)):
                continue
            span = Span(match.start() + offset, match.end() + offset)
            reason = f"{match.group()!r} without a denial: a negation may be lost"
            yield Flag("negation", "not found", "minor", reason, span)


def _listed(said: Said, match: re.Match[str]) -> bool:
    """Whether `or` joins findings that are said to be so: both, or one behind `reports`."""
    text, offset = said.sentence.text, said.sentence.span.start
    told = [m for m in said.mentions if m.concept.kind in COMPARED]
    before = [m for m in told if 0 <= match.start() + offset - m.span.end <= BESIDE]
    behind = [m for m in told if 0 <= m.span.start - match.end() - offset <= BESIDE]
    if any(m.polarity != "yes" or m.context.uncertain for m in before + behind):
        return False
    return bool(before and behind) or bool(
        before + behind and AFFIRMS.search(text, 0, match.start())
    )
