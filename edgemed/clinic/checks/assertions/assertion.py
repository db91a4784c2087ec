"""What the draft affirms and the source denies, or the other way round."""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.assertions.attributes import HABITS
from edgemed.clinic.checks.assertions.narrowing import is_narrower, stems_at, stems_of
from edgemed.clinic.checks.assertions.people import same_person
from edgemed.clinic.findings import Flag, Severity, Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.allergens import is_avoided
from edgemed.clinic.reading.frequencies import rates
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.sides import parts_of
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

WEAK = frozenset(map(stem, words_of("weak.txt")))
CUT = re.compile(r"[,;:]|\b(?:and|or|but|nor|because|which|who|although|however)\b", re.IGNORECASE)
SURE = 0.4
PRESENT = re.compile(
    r"\b(?:has|had|have|reports?|reported|is|with|shows?|presents?|developed)\b", re.I
)
NEARBY = 40  # characters from a finding to where it is
DIRECTIONS = frozenset("medial lateral anterior posterior left right upper lower".split())
CLAUSE = re.compile(r"[.;:?!]\s|\b(?:but|however|although|which|who)\b", re.IGNORECASE)
OPPOSITE = {"yes": "no", "no": "yes"}
COVERED = 0.75  # share of a phrase's weight that a source sentence must have to be about the same
UNSEEN = 5.0  # weight of a word the source lacks
COMPARED = ("finding", "disease")
LABEL = re.compile(r"[^:.]{1,48}:\s")
NOT_TAKEN = re.compile(
    r"\b(?:denie[sd]|not|never|no longer)\b (?:\w+ ){0,2}(?:tak|us)(?:e[sn]?|ing)\b", re.IGNORECASE
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each concept whose negation the source gives otherwise."""
    for mention in said.mentions:
        others = source.mentions.get(mention.concept.name, [])
        is_told = mention.concept.kind in COMPARED or is_acted_on(said, mention, source)
        if not is_told or mention.polarity == "open" or is_verbatim(said, mention, source):
            continue
        yield from _polarity(said, mention, source, others)
    yield from _phrases(said, source)


def is_verbatim(said: Said, mention: Mention, source: Source) -> bool:
    """Whether the source has the same words from a denial up to the mention.

    `No other suspicious moles` then says the same on both sides, however it is read.
    """
    words = [w for w in said.words if w.start < mention.span.end]
    denials = [i for i, w in enumerate(words) if w.lower in DENIALS and w.end <= mention.span.start]
    if not denials or len(words) - denials[-1] > LONGEST_DENIED:
        return False
    return f" {' '.join(w.lower for w in words[denials[-1] :])} " in source.told


DENIALS = frozenset("no not never denies denied without nor cannot can't negative".split())
LONGEST_DENIED = 6  # words from a denial to the end of what it denies


def is_acted_on(said: Said, mention: Mention, source: Source) -> bool:
    """A drug given or not taken; in a note also a procedure done: talk denies those by the way."""
    if mention.concept.kind not in (("drug",) if source.is_talk else ("drug", "procedure")):
        return False
    return mention.polarity == "yes" or is_not_taken(said, mention)


def is_not_taken(said: Said, mention: Mention) -> bool:
    """A drug that the draft says is not taken; other denials of drugs are not reliable enough."""
    start = mention.span.start - said.sentence.span.start
    drug = mention.concept.kind == "drug" and mention.polarity == "no"
    if any(rate.span.start >= mention.span.end for rate in rates(said)):
        return False  # `has not been taking it daily`
    return drug and NOT_TAKEN.search(said.sentence.text, 0, start) is not None


def _polarity(
    said: Said, mention: Mention, source: Source, others: list[tuple[int, Mention]]
) -> Iterator[Flag]:
    """The source only ever says the opposite."""
    here, found = places_of(said, mention), others
    others = [
        (i, m)
        for i, m in others
        if not m.context.historical
        and same_person(mention.context.person, m.context.person)
        and (m.polarity == mention.polarity or not is_elsewhere(here, places_of(source.said[i], m)))
    ]
    if not others and mention.polarity == "yes" and all(m.polarity == "no" for _, m in found):
        others = found  # denied of whomever and whenever: `anyone with cancer?` `no`
    known = [m for _, m in others]
    if mention.context.historical or mention.context.uncertain or is_label(said, mention):
        return
    same = [i for i, m in others if m.polarity == mention.polarity]
    if same and not _outweighed(said, mention, source, same, others):
        return
    if all(m.polarity == "open" for m in known):
        if known and mention.polarity == "yes" and not source.is_talk and is_present(said, mention):
            yield _conditional(mention, known)
        return
    if mention.polarity == "no" and is_given_up(mention, source):
        return
    if is_avoided(mention, source):
        return
    if not any(is_comparable(said, mention, source, i, m) for i, m in others):
        return
    verb = "negated" if mention.polarity == "no" else "affirmed"
    there = "affirms" if mention.polarity == "no" else "negates"
    severity: Severity = "major" if mention.concept.kind == "drug" else "minor"
    reason = f"{mention.concept.name} is {verb} in the draft; the note {there} it"
    spans = tuple(m.span for m in known[:3])
    yield Flag("negation", "contradicted", severity, reason, mention.span, spans)


def is_comparable(said: Said, mention: Mention, source: Source, i: int, there: Mention) -> bool:
    """Whether the i-th sentence of the source says the opposite of as much as the draft does."""
    if there.polarity == mention.polarity:
        return False
    if mention.polarity == "no":
        return not is_narrower(said, mention, stems_at(source, i))
    return not is_narrower(source.said[i], there, stems_of(said))


def is_given_up(mention: Mention, source: Source) -> bool:
    """A habit that the source says has ended: `has not smoked for 27 years`, `I quit smoking`."""
    name = mention.concept.name
    return name in HABITS and any(
        name in cue.of and cue.value in ("stopped", "past") and not cue.spoken
        for _, cue in source.cues.get("status", ())
    )


def is_label(said: Said, mention: Mention) -> bool:
    """What a label names is a topic and no claim: `Allergies: no known drug allergies`."""
    label = LABEL.match(said.sentence.text)
    end = mention.span.end - said.sentence.span.start
    return label is not None and end <= label.end() and mention.polarity == "yes"


def is_present(said: Said, mention: Mention) -> bool:
    """A problem that the draft says is there, in a sentence with a verb for it."""
    start = mention.span.start - said.sentence.span.start
    return (
        mention.concept.kind in COMPARED
        and PRESENT.search(said.sentence.text, 0, start) is not None
    )


def _conditional(mention: Mention, known: list[Mention]) -> Flag:
    reason = f"{mention.concept.name} is present in the draft, a condition in the note"
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
    """Phrases that every source sentence about the same thing denies and the draft does not."""
    for phrase in _segments(said):
        if all(m.context.historical for m in phrase):
            continue
        polarities = {m.polarity for m in phrase}
        if len(polarities) != 1 or "open" in polarities or not _telling(phrase, said):
            continue
        if any(is_verbatim(said, mention, source) for mention in phrase):
            continue
        if polarities == {"no"} and any(is_given_up(mention, source) for mention in phrase):
            continue
        weights = {m.concept.name: source.rarity(m.concept.name) or UNSEEN for m in phrase}
        least = COVERED * sum(weights.values())
        there = [
            (i, {source.said[i].mentions[k] for k in ks})
            for i, ks in source.sharing(weights).items()
            if same_person(phrase[0].context.person, source.said[i].mentions[ks[0]].context.person)
            and not is_elsewhere(
                places_of(said, phrase[0]),
                places_of(source.said[i], source.said[i].mentions[ks[0]]),
            )
            and sum(weights[n] for n in {source.said[i].mentions[k].concept.name for k in ks})
            >= least
        ]
        (here,) = polarities
        opposed = all({m.polarity for m in ms} == {OPPOSITE[here]} for _, ms in there)
        if opposed and any(is_denied_of(phrase, said, source, i, ms) for i, ms in there):
            span = Span(phrase[0].span.start, phrase[-1].span.end)
            said_here = "negated" if here == "no" else "affirmed"
            verb = "affirms" if here == "no" else "negates"
            words = " ".join(m.concept.name for m in phrase)
            spans = tuple(source.span(i) for i, _ in there[:3])
            reason = f"{words}: {said_here} in the draft; the note {verb} it"
            yield Flag("negation", "contradicted", "minor", reason, span, spans)


def is_denied_of(
    phrase: list[Mention], said: Said, source: Source, i: int, there: set[Mention]
) -> bool:
    """Whether each thing of the phrase that the i-th sentence has is comparable there."""
    pairs = [(m, t) for m in phrase for t in there if m.concept.name == t.concept.name]
    return all(is_comparable(said, m, source, i, t) for m, t in pairs)


def places_of(said: Said, mention: Mention) -> frozenset[str]:
    """Where a finding is said to be: parts of the body and directions near it in its clause."""
    text, offset = said.sentence.text, said.sentence.span.start
    at = mention.span.start - offset
    cuts = [m.start() for m in CLAUSE.finditer(text)]
    low = max([at - NEARBY, *(c for c in cuts if c < at)])
    high = min([at + 2 * NEARBY, *(c for c in cuts if c > at)])
    near = [w for w in said.words if low <= w.start - offset < high]
    parts = {part for word in near for part in parts_of(word)} - {"side", "joint", "base"}
    return frozenset(parts | {w.lower for w in near if w.lower in DIRECTIONS})


def is_elsewhere(a: frozenset[str], b: frozenset[str]) -> bool:
    """Whether two places are told and are not one: the medial and the lateral side of a knee."""
    for part in (DIRECTIONS, None):
        here, there = (p & part if part else p - DIRECTIONS for p in (a, b))
        if here and there and not here & there:
            return True
    return False


def _segments(said: Said) -> Iterator[list[Mention]]:
    """The meaningful words of a sentence, cut at commas and conjunctions."""
    text, offset = said.sentence.text, said.sentence.span.start
    cuts = [m.start() + offset for m in CUT.finditer(text)] + [said.sentence.span.end]
    mentions = sorted((m for m in said.mentions if not is_label(said, m)), key=lambda m: m.span)
    start = said.sentence.span.start
    for end in cuts:
        phrase = [m for m in mentions if start <= m.span.start < end and m.concept.name not in WEAK]
        if phrase:
            yield phrase
        start = end


def _telling(phrase: list[Mention], said: Said) -> bool:
    """Two words, a finding, or all that the sentence says: enough to recognise the same thing."""
    alone = all(m in phrase or m.concept.name in WEAK for m in said.mentions)
    return len(phrase) > 1 or phrase[0].concept.kind in COMPARED or alone
