"""What a sentence names: concepts, numbers and dates by name, parts of the body, levels."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from edgemed.clinic.lists import rows_of
from edgemed.clinic.reading.said import Cue, Said
from edgemed.clinic.reading.sides import parts_of

READINGS = 2  # of a number that count as context
FEW = 4  # words of talk that say something by themselves


def implied_levels(said: Said) -> Iterator[Cue]:
    """What the name of a finding says about a test: hyperkalemia is a high potassium."""
    for mention in said.mentions:
        for test, level in _tests().get(mention.concept.name, ()):
            if mention.polarity == "yes":
                yield Cue("level", level, mention.span, (test,))


@cache
def _tests() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, test, level in rows_of("derived.tsv"):
        found[name].append((test, level))
    return found


def asks(said: Said) -> bool:
    """Whether it asks; a few words of talk may, whatever mark ends them: `No cough.`"""
    return said.asks or (bool(said.sentence.role) and len(said.words) < FEW)


def parts_in(said: Said) -> frozenset[str]:
    """Parts of the body that a sentence names, also inside the name of a finding."""
    named = {m.concept.name for m in said.mentions if m.concept.kind == "anatomy"}
    return frozenset(named | {part for word in said.words for part in parts_of(word)})


def named(said: Said) -> Iterator[tuple[str, int, int]]:
    """Concepts by name, meaningful words by stem, numbers by value, each with its offsets."""
    for mention in said.mentions:
        yield mention.concept.name, *mention.span
    for date in said.dates:
        yield f"{date.month} {date.day} {date.name}", *date.span
    for quantity in said.quantities:
        if not quantity.implied:
            for value in quantity.values[:READINGS]:
                yield f"{value:g}", *quantity.span


def names(said: Said) -> set[str]:
    """Names of the concepts and stems of the other meaningful words of one sentence."""
    return {name for name, _, _ in named(said)}
