"""Drugs, findings, diseases, organisms and procedures named in the draft and not in the source."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache

import numpy as np

from edgemed.clinic.checks.quantities.numbers import equal
from edgemed.clinic.findings import Flag, Severity, Span
from edgemed.clinic.lists import names_of, rows_of, words_of
from edgemed.clinic.reading.concepts import Concept, key, measurements
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

WEAK = frozenset(map(stem, words_of("weak.txt")))
LISTS = {
    "drug": "drugs.txt",
    "finding": "findings.txt",
    "disease": "diseases.txt",
    "organism": "organisms.txt",
    "procedure": "procedures.txt",
}
OPPOSED = (("hypo", "hyper"), ("hyper", "hypo"), ("tachy", "brady"), ("brady", "tachy"))
OPPOSITE_LEVEL = {"high": ("low", "normal"), "low": ("high", "normal")}
GRAVE = ("drug", "procedure")
GRAVE_IN_TALK = ("drug",)  # of procedures talk has too many other words
# Said in too many ways to count as missing.
PLAIN = frozenset(
    """death surgery immunization stress discharge sleep trauma abnormality complication incident
    deformity""".split()
) | {"blood pressure", "body temperature"}
SHORTEST_MISSPELLED = 7  # letters; shorter names have too many neighbours
NEARED = 0.42  # cosine from which a phrase counts as found; chosen on the development sets
NEARED_IN_NOTE = 0.6  # the same where clinicians wrote both sides, in the same words
CLAUSE_NEARED = 0.45  # the same of all that is said of a symptom, where the source is talk
ALIKE = 0.65  # share of letters from which one name may be taken for another
BESIDE = 16  # characters from a test to its value
LABEL = re.compile(r"[^:.]{1,48}:\s")  # `Patient education and counseling: `
PART = re.compile(
    r"[,;:]|\b(?:and|or|but|with|without|as well as|because|due to|secondary to|that|which|who)\b",
    re.I,
)


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each thing that is affirmed and that no words of the source name."""
    label = LABEL.match(said.sentence.text)
    start = said.sentence.span.start + (label.end() if label else 0)
    for mention in said.mentions:
        drug = mention.concept.kind == "drug"
        if mention.concept.name in PLAIN:
            continue
        yield from _opposite(mention, source)
        yield from _of_other_level(mention, source)
        if mention.concept.kind not in LISTS or mention.span.start < start:
            continue
        if (mention.polarity != "yes" and not drug) or is_named(mention, source):
            continue
        if not drug and (_is_neared(said, mention, source) or _is_valued(said, mention, source)):
            continue
        grave = GRAVE_IN_TALK if source.is_talk else GRAVE
        severity: Severity = "major" if mention.concept.kind in grave else "minor"
        reason = f"{kind_of(mention)} {mention.concept.name} is not in the note"
        yield Flag("entity", "not found", severity, reason, mention.span)


def kind_of(mention: Mention) -> str:
    """Its kind in the reason; a measurement is not a procedure."""
    return "measurement" if mention.concept.name in measurements() else mention.concept.kind


def _opposite(mention: Mention, source: Source) -> Iterator[Flag]:
    """Too much where the source has too little of it: `hypokalemia` for `hyperkalemia`."""
    name = mention.concept.name
    for one, other in OPPOSED:
        if name.startswith(one) and name not in source.mentions:
            there = source.mentions.get(other + name.removeprefix(one), [])
            if there and mention.polarity == "yes":
                reason = f"{name} in the draft, {there[0][1].concept.name} in the note"
                spans = tuple(m.span for _, m in there[:3])
                yield Flag("level", "contradicted", "major", reason, mention.span, spans)


def _of_other_level(mention: Mention, source: Source) -> Iterator[Flag]:
    """Hypotension, where the source calls the blood pressure high and never low."""
    for name, test, level in rows_of("derived.tsv"):
        if name != mention.concept.name or mention.polarity != "yes" or name in source.mentions:
            continue
        there = [c for _, c in source.cues.get("level", ()) if test in c.of and not c.spoken]
        against = [c for c in there if c.value in OPPOSITE_LEVEL[level]]
        if against and not any(c.value == level for c in there):
            reason = f"{name} in the draft; the note calls the {test} {against[0].value}"
            spans = tuple(c.span for c in against[:3])
            yield Flag("level", "contradicted", "major", reason, mention.span, spans)


def is_named(mention: Mention, source: Source) -> bool:
    """The concept, or all words of one of its names within one sentence."""
    if mention.concept.name in source.mentions or is_a_sort_of(mention, source):
        return True
    if is_derived(mention, source):
        return True
    spelled = ways(mention.concept)
    return any(_within_a_sentence(s, source) or _is_misspelled(s, source) for s in spelled)


def is_derived(mention: Mention, source: Source) -> bool:
    """Whether the source has a result that the finding is the name of: a high potassium."""
    return any(
        cue.value == level and test in cue.of
        for name, test, level in rows_of("derived.tsv")
        if name == mention.concept.name
        for _, cue in source.cues.get("level", ())
    )


def is_a_sort_of(mention: Mention, source: Source) -> bool:
    """Whether the source names it by the plainer word that ends its own: osteoarthritis."""
    name = mention.concept.name
    return " " not in name and any(
        name[i:] in source.mentions and source.is_listed(name[i:])
        for i in range(3, len(name) - SHORTEST_MISSPELLED + 1)
    )


def _is_misspelled(stems: tuple[str, ...], source: Source) -> bool:
    """Whether the source has a long name but for one letter, in a word that no list has."""
    if len(stems) != 1 or len(stems[0]) < SHORTEST_MISSPELLED:
        return False
    return any(
        abs(len(other) - len(stems[0])) < 2
        and other[0] == stems[0][0]
        and is_a_letter_off(other, stems[0])
        and not source.is_listed(other)
        for other in source.stems
    )


def is_a_letter_off(a: str, b: str) -> bool:
    """Whether one letter more, less or other, or two exchanged, makes one word the other."""
    if a == b:
        return False
    first = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    rest_a, rest_b = a[first:], b[first:]
    return (
        rest_a[1:] == rest_b
        or rest_b[1:] == rest_a
        or rest_a[1:] == rest_b[1:]
        or (rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:])
    )


def _is_valued(said: Said, mention: Mention, source: Source) -> bool:
    """A test with a value that the source has: the source may give just the value."""
    values = [q for q in said.quantities if 0 <= q.span.start - mention.span.end <= BESIDE]
    return mention.concept.kind == "procedure" and any(
        equal(q, other) for q in values for _, other in source.quantities
    )


def _is_neared(said: Said, mention: Mention, source: Source) -> bool:
    """Whether the source comes near the thing in words that no list links to it."""
    start = said.sentence.span.start
    phrase = said.sentence.text[mention.span.start - start : mention.span.end - start].lower()
    least = NEARED if source.is_talk else NEARED_IN_NOTE
    return any(
        not is_another(mention, int(i), source)
        and not is_of_another_part(mention, source.parts_at(int(i)))
        for p in {phrase, mention.concept.name}
        for i in np.flatnonzero(source.index.cosines(p) >= least)
    ) or _is_told_otherwise(said, mention, source)


def _is_told_otherwise(said: Said, mention: Mention, source: Source) -> bool:
    """Whether talk comes near the symptom's own part of the sentence: `felt unsteady on her feet`.

    A part that names something else is near for that, and one that names nothing besides the
    symptom says no more than its name: `he reports hemoptysis` must not pass for a cough.
    """
    if not source.is_talk or mention.concept.kind not in ("finding", "procedure"):
        return False
    part = part_around(said, mention.span)
    beside = [m.concept for m in said.mentions
              if m is not mention and part.start <= m.span.start < part.end]  # fmt: skip
    if any(c.kind in LISTS for c in beside) or all(c.name in WEAK for c in beside):
        return False
    start = said.sentence.span.start
    words = said.sentence.text[part.start - start : part.end - start].strip(" .")
    return any(
        not is_of_another_part(mention, source.parts_at(int(i)))
        for i in np.flatnonzero(source.index.cosines(words) >= CLAUSE_NEARED)
    )


def part_around(said: Said, at: Span) -> Span:
    """The stretch between commas and conjunctions around something."""
    start = said.sentence.span.start
    cuts = [(m.start() + start, m.end() + start) for m in PART.finditer(said.sentence.text)]
    low = max((end for _, end in cuts if end <= at.start), default=start)
    high = min((begin for begin, _ in cuts if begin >= at.end), default=said.sentence.span.end)
    return Span(low, high)


def is_another(mention: Mention, i: int, source: Source) -> bool:
    """Whether a sentence is near a disease only because it names one that is spelled much alike."""
    name = mention.concept.name
    return mention.concept.kind == "disease" and any(
        m.concept.kind == "disease" and is_alike(name, m.concept.name)
        for m in source.said[i].mentions
    )


def is_of_another_part(mention: Mention, parts: frozenset[str]) -> bool:
    """Whether a finding of one part of the body is near a sentence that names others: hip, knee."""
    own = {part for part in mention.concept.name.split() if part in names_of("anatomy.txt")}
    return bool(own and parts) and not own & parts


@cache
def is_alike(a: str, b: str) -> bool:
    """Whether two names share most letters in their order, or a word: `osteoarthritis`."""
    shared = {w for w in a.split() if len(w) > 4} & set(b.split())
    return bool(shared) or SequenceMatcher(None, a, b).ratio() >= ALIKE


def ways(concept: Concept) -> list[tuple[str, ...]]:
    """All names of a concept as stems."""
    said = names_of(LISTS[concept.kind]).get(concept.name, (concept.name,))
    return [key(phrase) for phrase in said]


def _within_a_sentence(stems: tuple[str, ...], source: Source) -> bool:
    places = [set(source.stems.get(stem, ())) for stem in stems]
    return bool(places) and bool(set.intersection(*places))
