"""Facts of the source that the draft does not carry, most severe first.

A fact is carried when the draft names the same concept, in whatever words, or the same number.
Whether a fact belongs into a draft is the reader's to say: the list is to be looked through, not
to be emptied.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from edgemed.clinic.checks.numbers import equal
from edgemed.clinic.findings import Omission, Severity, Span
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.source import Source

# Kinds of facts in the order in which they are shown.
KINDS: dict[str, Severity] = {
    "allergy": "major",
    "medication": "major",
    "code status": "major",
    "pending result": "major",
    "abnormal result": "major",
    "device": "major",
    "diagnosis": "minor",
    "follow-up": "minor",
    "procedure": "minor",
    "finding": "minor",
}
OF_CONCEPT = {
    "drug": "medication",
    "disease": "diagnosis",
    "procedure": "procedure",
    "finding": "finding",
}
DEVICES = frozenset(("pacemaker", "defibrillator", "stent", "oxygen", "nebulizer", "dialysis"))
# Kinds told by the words of a sentence: what it must hold, and what of it the draft must hold.
TOLD: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("allergy", re.compile(r"\ballerg(?:y|ies|ic)\b(?! rhinitis)", re.I)),
    ("code status", re.compile(r"\b(?:dnr|dni|full code|do not resuscitate|code status)\b", re.I)),
    (
        "pending result",
        re.compile(r"\b(?:pending|awaiting|not back yet|results? (?:are|is) not)\b", re.I),
    ),
    (
        "abnormal result",
        re.compile(r"\d[^.;]{0,20}\[(?:H|L|HH|LL|A)\]|\b(?:elevated|abnormal|critical)\b", re.I),
    ),
    (
        "follow-up",
        re.compile(
            r"\b(?:follow(?:ing)?[ -]?up|come back|return|see you|recheck|repeat)\b"
            r"[^.?]{0,60}\b(?:day|days|week|weeks|month|months|year|year)\b",
            re.I,
        ),
    ),
)


class Fact(NamedTuple):
    """Something the source says: its kind, how to name it, where, and the names that carry it."""

    kind: str
    what: str
    span: Span
    names: frozenset[str]


def omissions(source: Source, draft: Iterable[Said]) -> tuple[Omission, ...]:
    """Every fact of the source the draft does not carry, by kind, then in source order."""
    said = list(draft)
    missing = [fact for fact in facts(source) if not is_carried(fact, source, said)]
    order = list(KINDS)
    missing.sort(key=lambda fact: (order.index(fact.kind), fact.span))
    return tuple(
        Omission(f.kind, KINDS[f.kind], f"{f.kind} not in the draft: {f.what}", f.span)
        for f in missing
    )


def facts(source: Source) -> list[Fact]:
    """The facts of a source, each once."""
    found = [*_of_sentences(source), *_of_concepts(source)]
    seen: dict[tuple[str, frozenset[str]], Fact] = {}
    for fact in found:
        seen.setdefault((fact.kind, fact.names), fact)
    return list(seen.values())


def _of_concepts(source: Source) -> Iterator[Fact]:
    """One fact for each drug, disease, procedure and finding the patient is said to have."""
    for name, mentions in source.mentions.items():
        own = [m for _, m in mentions if _is_fact(m)]
        if own and own[0].concept.kind in OF_CONCEPT:
            kind = "device" if name in DEVICES else OF_CONCEPT[own[0].concept.kind]
            yield Fact(kind, name, own[0].span, frozenset((name,)))


def _is_fact(mention: Mention) -> bool:
    """Affirmed of the patient; a guess or a condition is no fact."""
    context = mention.context
    return (
        mention.polarity == "yes"
        and not context.person
        and not (context.uncertain or context.hypothetical)
    )


def _of_sentences(source: Source) -> Iterator[Fact]:
    """Facts told by the wording of a whole sentence."""
    for said in source.said:
        if said.sentence.text.endswith("?"):
            continue
        for kind, pattern in TOLD:
            match = pattern.search(said.sentence.text)
            if match is not None:
                names = frozenset(m.concept.name for m in said.mentions)
                what = said.sentence.text if len(said.sentence.text) < 80 else match.group()
                yield Fact(kind, what, said.sentence.span, names)


def is_carried(fact: Fact, source: Source, draft: list[Said]) -> bool:
    """Whether the draft names the fact, or comes near the sentence that tells it."""
    named = {m.concept.name for said in draft for m in said.mentions}
    if fact.kind in OF_CONCEPT.values() or fact.kind == "device":
        return bool(fact.names & named)
    if not fact.names:
        return True
    pattern = dict(TOLD)[fact.kind]
    told = any(pattern.search(said.sentence.text) for said in draft)
    return (told and len(fact.names & named) * 3 >= len(fact.names)) or fact.names <= named


def uncarried_share(source: Source, draft: list[Said]) -> float:
    """Share of the source's weight (concepts, words by rarity, numbers) that the draft lacks."""
    named = {m.concept.name for said in draft for m in said.mentions}
    numbers = [q for said in draft for q in said.quantities]
    total = lost = 0.0
    for name, mentions in source.mentions.items():
        weight = source.rarity(name) * (CONCEPT if mentions[0][1].concept.kind != "word" else 1.0)
        total += weight
        lost += weight * (name not in named)
    for _, quantity in source.quantities:
        total += CONCEPT
        lost += CONCEPT * (not any(equal(quantity, other) for other in numbers))
    return lost / total if total else 0.0


CONCEPT = 3.0  # weight of a listed concept or a number beside that of a plain word
