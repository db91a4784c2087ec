"""A sentence copied from a note except for a few words: words that are nowhere in the note."""

import math
import re
from collections.abc import Iterator

from edgemed.clinic.evidence import stems_of
from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.lists import words_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import STOP, Word, stem

COPIED = 0.6  # share of either sentence's words that the other must have
ALIKE = 0.7  # share of its letters that a form of a word has in common with it
LEAST = 4  # words in common; with fewer it is not a copy
HEDGE = re.compile(
    r"\b(?:possibl[ey]|probabl[ey]|likely|unlikely|suspected|questionable|presumed|suspicious"
    r"|concern(?:ing)? for|suspicion|(?:may|might|could)(?= (?:be|have|represent|reflect)\b))\b",
    re.IGNORECASE,
)
WEAK = frozenset(map(stem, words_of("weak.txt")))


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for the first word that a near copy has and the whole source lacks."""
    stems = stems_of(said.sentence.text)
    overlaps = source.index.overlaps(said.sentence.text)
    if len(stems) < 3 or not len(overlaps):
        return
    best = int(overlaps.argmax())
    if source.said[best].sentence.role:  # nobody writes down speech as it was said
        return
    there = stems_of(source.said[best].sentence.text)
    shared = stems & there
    if len(shared) < max(LEAST, COPIED * max(len(stems), len(there))):
        return
    yield from lost_hedge(said, source, best)
    new = [
        w
        for w in said.words
        if w.stem in stems
        and w.lower not in STOP
        and w.stem not in WEAK
        and is_new(w, said, source)
    ]
    if new:
        words = ", ".join(dict.fromkeys(w.lower for w in new))
        reason = f"like a sentence of the note, except for: {words}"
        span = Span(new[0].start, new[-1].end)
        yield Flag("wording", "not found", "minor", reason, span, (source.span(best),))


def lost_hedge(said: Said, source: Source, best: int) -> Iterator[Flag]:
    """The word of doubt that the copied sentence has and the copy lacks."""
    there = HEDGE.search(source.said[best].sentence.text)
    if there is not None and HEDGE.search(said.sentence.text) is None:
        start = source.span(best).start
        spans = (Span(start + there.start(), start + there.end()),)
        reason = f"like a sentence of the note, without its {there[0].lower()!r}"
        yield Flag("certainty", "contradicted", "minor", reason, said.sentence.span, spans)


def is_new(word: Word, said: Said, source: Source) -> bool:
    """Whether the source has no form of the word, and nothing that the lists join to it."""
    if word.stem in source.stems or len(word.lower) < 3:
        return False
    for mention in said.mentions:
        inside = mention.span.start <= word.start and word.end <= mention.span.end
        if inside and mention.concept.kind != "word" and mention.concept.name in source.mentions:
            return False
    return not any(is_form(word.lower, other) for other in source.words)


def is_form(a: str, b: str) -> bool:
    """Whether two words begin alike for most of their letters: `infection`, `infectious`."""
    least = math.ceil(ALIKE * max(len(a), len(b)))
    return len(a) >= least and a[:least] == b[:least]
