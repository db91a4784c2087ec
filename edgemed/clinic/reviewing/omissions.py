"""Facts of the source that are missing from the draft, most severe first.

A fact counts as present if the draft names the same concept, in whatever words, or the same
number. The reader decides whether a fact belongs in the draft: the list is to be read, not to be
emptied.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from edgemed.clinic.checks.quantities.numbers import equal
from edgemed.clinic.findings import Omission, Severity, Span
from edgemed.clinic.reading.allergens import ALLERGY, is_allergen
from edgemed.clinic.reading.concepts import measurements
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reading.susceptibilities import is_tried_on_germ

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
    "measurement": "minor",
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


# Concepts of these names are told by sentences; `room air` is how a value was measured.
TOLD_KINDS = frozenset((*(kind for kind, _ in TOLD), "room air"))
LABEL = re.compile(r" ?(?::|[-–] )")
NOTHING = re.compile(
    r"\W*(?:none|no|nil|n/a|denies)\b(?! to\b)", re.I
)  # under a title of allergies
SHOWN = 80  # characters of a sentence that is shown whole


class Fact(NamedTuple):
    """Something the source says: its kind, how to name it, where, and the names that identify it.

    `what` shows the characters `shown` of the source, where it is not a name. `called`: the names
    that the checks have for it, without any other word of the source.
    """

    kind: str
    what: str
    span: Span
    names: frozenset[str]
    shown: Span
    called: str = ""


def omissions(source: Source, draft: Iterable[Said]) -> tuple[Omission, ...]:
    """Every fact of the source that the draft leaves out, by kind, then in source order."""
    said = list(draft)
    missing = [fact for fact in facts(source) if not is_carried(fact, source, said)]
    missing = [fact for fact in missing if not is_listed(fact, missing)]
    order = list(KINDS)
    missing.sort(key=lambda fact: (order.index(fact.kind), fact.span))
    return tuple(
        Omission(f.kind, KINDS[f.kind], f"{f.kind} not in the draft: {f.what}", f.span, f.called)
        for f in missing
    )


def is_listed(fact: Fact, missing: Iterable[Fact]) -> bool:
    """Whether a listed fact of the same line and weight shows this one already."""
    if fact.kind == "medication":
        return False
    order = list(KINDS)
    return any(
        other is not fact
        and other.kind in dict(TOLD)
        and order.index(other.kind) < order.index(fact.kind)
        and other.shown.start <= fact.shown.start
        and fact.shown.end <= other.shown.end
        for other in missing
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
        own = [m for i, m in mentions if _is_fact(m) and is_of_patient(m, source.said[i])]
        if own and own[0].concept.kind in OF_CONCEPT and name not in TOLD_KINDS:
            yield Fact(kind_of(own[0]), name, own[0].span, frozenset((name,)), own[0].span, name)


def is_of_patient(mention: Mention, said: Said) -> bool:
    """No allergen, and no drug that was tried on a culture."""
    return not is_allergen(mention, said) and not is_tried_on_germ(mention, said)


def kind_of(mention: Mention) -> str:
    """The kind of fact that a concept is; a measurement is not a procedure."""
    name = mention.concept.name
    if name in DEVICES:
        return "device"
    return "measurement" if name in measurements() else OF_CONCEPT[mention.concept.kind]


def _is_fact(mention: Mention) -> bool:
    """Affirmed of the patient; a guess or a condition is not a fact."""
    context = mention.context
    return (
        mention.polarity == "yes"
        and not context.person
        and not (context.uncertain or context.hypothetical)
    )


def _of_sentences(source: Source) -> Iterator[Fact]:
    """Facts told by the wording of a whole sentence."""
    for said in source.said:
        if said.asks:
            continue
        for kind, pattern in TOLD:
            start = told_at(kind, pattern, said)
            if start is not None:
                names = frozenset(m.concept.name for m in said.mentions)
                shown = _clipped(said.sentence.text, start, said.sentence.span.start)
                what = source.text[shown.start : shown.end]
                called = ", ".join(dict.fromkeys(named_drugs(said))) if kind == "allergy" else ""
                yield Fact(kind, what, said.sentence.span, names, shown, called)


def named_drugs(said: Said) -> Iterator[str]:
    """The drugs that a sentence names."""
    return (m.concept.name for m in said.mentions if m.concept.kind == "drug")


def told_at(kind: str, pattern: re.Pattern[str], said: Said) -> int | None:
    """Where in the sentence a fact of the kind is told; a list of allergies need not say so."""
    if kind == "allergy" and knows_of_none(said):
        return None
    match = pattern.search(said.sentence.text)
    if match is not None:
        return match.start()
    return 0 if kind == "allergy" and ALLERGY.search(said.sentence.section) else None


def knows_of_none(said: Said) -> bool:
    """Whether all that a sentence says of allergies is that there is none: `Allergies: none known`.

    A label states nothing by itself: `Allergies: NKDA`.
    """
    named = [m for m in said.mentions if m.concept.name == "allergy"]
    allergens = [m for m in said.mentions if is_allergen(m, said) or m.concept.name == "latex"]
    if any(m.polarity == "yes" for m in allergens):
        return False
    start, text = said.sentence.span.start, said.sentence.text
    told = [m for m in named if not LABEL.match(text, m.span.end - start)]
    if told or allergens:
        return all(m.polarity == "no" for m in (*told, *allergens))
    return bool(named and named[0].polarity == "no") or NOTHING.match(text) is not None


def _clipped(text: str, start: int, offset: int) -> Span:
    """A sentence short enough to show, else its words from `start` on, as many as are shown."""
    if len(text) <= SHOWN:
        return Span(offset, offset + len(text))
    end = min(len(text), start + SHOWN)
    if end < len(text):
        end = text.rfind(" ", start, end) if " " in text[start:end] else end
    return Span(offset + start, offset + end)


def is_carried(fact: Fact, source: Source, draft: list[Said]) -> bool:
    """Whether the draft names the fact, or comes near the sentence that tells it."""
    named = {m.concept.name for said in draft for m in said.mentions}
    if fact.kind in OF_CONCEPT.values() or fact.kind in ("device", "measurement"):
        return bool(fact.names & named)
    if not fact.names:
        return True
    pattern = dict(TOLD)[fact.kind]
    told = any(told_at(fact.kind, pattern, said) is not None for said in draft)
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


CONCEPT = 3.0  # weight of a listed concept or a number, relative to a plain word
