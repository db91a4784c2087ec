"""Reads a text once: its sentences with their quantities, dates, concepts, sides and people.

Offsets are into the whole text. What a sentence of a transcript means together with
its neighbours is added by `dialogue`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from edgemed.clinic.findings import Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.attributes import carried_on, cues
from edgemed.clinic.reading.concepts import Concept, NamedAt, concepts
from edgemed.clinic.reading.context import Scopes
from edgemed.clinic.reading.dates import dates
from edgemed.clinic.reading.devices import device_cues
from edgemed.clinic.reading.dialogue import answered
from edgemed.clinic.reading.dosed import drugs_at
from edgemed.clinic.reading.homonyms import told_apart
from edgemed.clinic.reading.quantities import Quantity, durations, quantities
from edgemed.clinic.reading.ranges import levels_by_range
from edgemed.clinic.reading.said import Mention, Polarity, Said
from edgemed.clinic.reading.sex import with_sex
from edgemed.clinic.reading.sides import sides
from edgemed.clinic.sentences import Sentence, split
from edgemed.clinic.words import STOP, Word, words

_TAKEN_BACK = r"[,.]?\s*(?:no|sorry|i mean|excuse me|rather|or rather|correction|make that)\b[, ]+"
# What a speaker corrects at once: `the left, sorry, the right`, `20, no, 40 milligrams`.
CORRECTED = re.compile(
    rf"\b(?:left|right)\b(?: \w+)?{_TAKEN_BACK}(?=(?:the |my |on the )*(?:left|right)\b)"
    rf"|\b\d+(?: \w+)?{_TAKEN_BACK}(?=\d)",
    re.IGNORECASE,
)
# In a list of the family's illnesses: one that the patient has.
OWN = re.compile(
    r"\bpatient (?:also )?(?:has|had|is|was)\b(?! (?:an? |no |any )?(?:\w+ )?family)", re.IGNORECASE
)
FAMILY = re.compile(r"\bfamil(?:y|ial)\b", re.IGNORECASE)


def read(text: str) -> list[Said]:
    """All sentences of `text`, read."""
    said = [read_one(s) for s in split(text) if s.kind != "heading"]
    said = list(answered(said)) if any(s.sentence.role for s in said) else said
    return list(with_sex(list(carried_on(said))))


def headings(text: str) -> list[Said]:
    """The lines of `text` that look like headings, read; `read` leaves them out."""
    return [read_one(s) for s in split(text) if s.kind == "heading"]


def read_one(sentence: Sentence) -> Said:
    """What one sentence says on its own."""
    text, offset = CORRECTED.sub(_blank, sentence.text), sentence.span.start
    short = [q.span for q in durations(text)]
    when = [
        d
        for d in dates(text)
        if not any(d.span.start < s.end and s.start < d.span.end for s in short)
    ]
    numbers = quantities(text, [d.span for d in when])
    found = [w for w in words(text) if not _is_unit(w, numbers)]
    named = told_apart(text, sentence.section, found, list(concepts(found)))
    scopes = Scopes(text, bool(sentence.role), drugs_at(text, found, named))
    mentions = tuple(_mentions(sentence, found, named, scopes))
    return Said(
        sentence,
        tuple(Word(w.lower, w.stem, w.start + offset, w.end + offset) for w in found),
        tuple(replace(q, span=_moved(q.span, offset)) for q in numbers),
        tuple(replace(d, span=_moved(d.span, offset)) for d in when),
        mentions,
        tuple(s._replace(span=_moved(s.span, offset)) for s in sides(text, found, named)),
        tuple(p._replace(start=p.start + offset, end=p.end + offset) for p in scopes.people),
        (
            *cues(text, offset, mentions, scopes),
            *levels_by_range(text, offset, mentions),
            *device_cues(text, offset, scopes),
        ),
    )


def _blank(match: re.Match[str]) -> str:
    """White space as long as what was corrected."""
    return " " * len(match[0])


def _is_unit(word: Word, numbers: Sequence[Quantity]) -> bool:
    """A letter or two of a unit, not a word: the `K` of `150 K/uL` is not potassium."""
    return len(word.lower) < 3 and any(
        q.span.start < word.start and word.end <= q.span.end for q in numbers
    )


def _moved(span: Span, offset: int) -> Span:
    return Span(span.start + offset, span.end + offset)


def _mentions(
    sentence: Sentence, found: Sequence[Word], named: Sequence[NamedAt], scopes: Scopes
) -> Iterator[Mention]:
    """The concepts of a sentence, each in its context."""
    own = OWN.search(sentence.text) is not None
    family = "family" if FAMILY.search(sentence.section) and not own else ""
    for f in [*named, *_plain_words(found, named)]:
        start, end = found[f.first].start, found[f.last].end
        context = scopes.at(start, end)
        if family and not context.person:
            context = replace(context, person=family)
        denies = f.first == f.last and found[f.first].lower in words_of("negative.txt")
        polarity: Polarity = "no" if context.negated or denies else "yes"
        if context.hypothetical:
            polarity = "open"
        yield Mention(f.concept, _moved(Span(start, end), sentence.span.start), polarity, context)


def _plain_words(found: Sequence[Word], named: Sequence[NamedAt]) -> Iterator[NamedAt]:
    """Meaningful words that no list names, each as a concept of its own."""
    inside = {i for f in named for i in range(f.first, f.last + 1)}
    for i, word in enumerate(found):
        if i not in inside and word.lower not in STOP and len(word.lower) > 2:
            yield NamedAt(Concept("word", word.stem), i, i)
