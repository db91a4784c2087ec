"""Sentences of the draft that resemble nothing in the source."""

import re
from collections.abc import Iterator
from functools import cache

from edgemed.clinic.evidence import stems_of
from edgemed.clinic.findings import Flag
from edgemed.clinic.lists import lines, words_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.source import Source
from edgemed.clinic.words import stem

# Chosen on the development sets: below both, a sentence is about something else.
COSINE, OVERLAP = 0.27, 0.5


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for a sentence that states something no source sentence comes near."""
    text = said.sentence.text
    if len(stems_of(text) - WEAK) < 2 or is_stock(text) or all_named(said, source):
        return
    if not source.said:
        cosine = overlap = 0.0
    else:
        cosine = float(source.index.cosines(text).max())
        overlap = float(source.index.overlaps(text).max())
    if cosine < COSINE and overlap < OVERLAP:
        reason = "nothing in the note resembles this sentence"
        yield Flag("unsupported", "not found", "minor", reason, said.sentence.span)


def all_named(said: Said, source: Source) -> bool:
    """Whether the sentence names listed things and the source all of them, however written."""
    listed = {m.concept.name for m in said.mentions if m.concept.kind not in ("word", "anatomy")}
    return bool(listed) and all(name in source.mentions for name in listed)


def is_stock(text: str) -> bool:
    """A stock sentence, which states nothing about this patient."""
    said = text.split(":", 1)[-1] if LABEL.match(text) else text
    return _stock().fullmatch(said.strip().rstrip(".! ").lower()) is not None


WEAK = frozenset(map(stem, words_of("weak.txt")))
LABEL = re.compile(r"[^:.]{1,40}:\s")


@cache
def _stock() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{line})" for line in lines("stock.txt")), re.DOTALL)
