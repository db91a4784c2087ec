"""Finds what the lists name in a text: findings, diseases, organisms, procedures, drugs, anatomy.

Two ways to say one thing give one concept (`short of breath`, `dyspnea`), so that a draft in
clinicians' words can be compared with a patient's. Endings and small words do not count. What a
list does not name is not found; a site adds names (see `edgemed.clinic.lists`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple

from edgemed.clinic.lists import lines, names_of, words_of
from edgemed.clinic.words import Word, stem

ConceptKind = Literal["finding", "disease", "organism", "procedure", "drug", "anatomy", "word"]

OURS: tuple[tuple[str, ConceptKind], ...] = (
    ("drugs.txt", "drug"),
    ("findings.txt", "finding"),
    ("diseases.txt", "disease"),
    ("organisms.txt", "organism"),
    ("procedures.txt", "procedure"),
    ("anatomy.txt", "anatomy"),
)
OPEN: tuple[tuple[str, ConceptKind], ...] = (
    ("open/drugs.txt", "drug"),
    ("open/symptoms.txt", "finding"),
    ("open/diseases.txt", "disease"),
    ("open/infections.txt", "disease"),
    ("open/cancers.txt", "disease"),
)
LIGHT = frozenset("of the a an in to is with my your his her or and".split())
TOO_COMMON = frozenset(
    "drug drugs syndrome disease symptom calcium oxygen iron water air pain hydrogen".split()
)
COURSE = ("acute ", "chronic ")  # `acute pain` is the same finding as pain
SHORTEST_STEMMED = 8  # letters of a word that may be a drug by its ending alone


class Concept(NamedTuple):
    """What is named: its kind and the name under which it compares."""

    kind: ConceptKind
    name: str


class NamedAt(NamedTuple):
    """A concept at the words `first` to `last` (included) of a word list."""

    concept: Concept
    first: int
    last: int


Phrase = tuple[tuple[str, ...], Concept]


def concepts(found: Sequence[Word]) -> Iterator[NamedAt]:
    """All concepts among `found`, left to right, the longest at each place."""
    heavy = [i for i, word in enumerate(found) if word.lower not in LIGHT]
    stems = [found[i].stem for i in heavy]
    lower = [found[i].lower for i in heavy]
    at = 0
    while at < len(heavy):
        entry = _longest(stems, at)
        if (none := _names_nothing(lower, at)) and (entry is None or none >= len(entry[0])):
            at += none
            continue
        if entry is None:
            if is_drug_name(found[heavy[at]].lower):
                yield NamedAt(Concept("drug", found[heavy[at]].lower), heavy[at], heavy[at])
            elif is_named_by_ending(found[heavy[at]].lower):
                yield NamedAt(Concept("finding", found[heavy[at]].stem), heavy[at], heavy[at])
            at += 1
            continue
        length = len(entry[0])
        yield NamedAt(entry[1], heavy[at], heavy[at + length - 1])
        at += length


def _longest(stems: list[str], at: int) -> Phrase | None:
    for entry in _entries().get(stems[at], ()):
        if tuple(stems[at : at + len(entry[0])]) == entry[0]:
            return entry
    return None


def _names_nothing(lower: list[str], at: int) -> int:
    """How many words from `at` on belong to a phrase that names no finding; 0 for none."""
    phrases = _phrases_of_nothing().get(lower[at], ())
    return max((len(p) for p in phrases if tuple(lower[at : at + len(p)]) == p), default=0)


@cache
def _phrases_of_nothing() -> dict[str, tuple[tuple[str, ...], ...]]:
    """The phrases by their first word."""
    by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for line in lines("no_findings.txt"):
        words = tuple(line.split())
        by_first[words[0]].append(words)
    return {first: tuple(phrases) for first, phrases in by_first.items()}


@cache
def _entries() -> dict[str, tuple[Phrase, ...]]:
    """All ways to say a concept by their first stem, longest first; our lists win."""
    table: dict[tuple[str, ...], Concept] = {}
    for name, kind in OURS:
        for concept, said in names_of(name).items():
            for phrase in said:
                table.setdefault(key(phrase), Concept(kind, concept))
    ours = frozenset(table)
    for name, kind in OPEN:
        for line in lines(name):
            phrase = line.strip()
            if (
                phrase not in TOO_COMMON
                and not phrase.startswith(COURSE)
                and (kind == "drug" or _is_new(key(phrase), ours))
            ):
                table.setdefault(key(phrase), Concept(kind, phrase))
    by_first: dict[str, list[Phrase]] = defaultdict(list)
    for entry in table.items():
        if entry[0]:
            by_first[entry[0][0]].append(entry)
    return {
        first: tuple(sorted(entries, key=lambda e: -len(e[0])))
        for first, entries in by_first.items()
    }


def _is_new(stems: tuple[str, ...], ours: frozenset[tuple[str, ...]]) -> bool:
    """A short name that holds no concept of ours (`leg swelling` is our swelling)."""
    parts = (stems[i:k] for i in range(len(stems)) for k in range(i + 1, len(stems) + 1))
    return len(stems) < 4 and not any(part in ours for part in parts)


@cache
def key(phrase: str) -> tuple[str, ...]:
    """The stems under which a phrase is found."""
    parts = phrase.replace("-", " ").replace("/", " ").split()
    return tuple(stem(part) for part in parts if part not in LIGHT)


@cache
def is_drug_name(word: str) -> bool:
    """A long word with the ending of a generic drug name."""
    return (
        len(word) >= SHORTEST_STEMMED
        and word.endswith(_stems())
        and word not in words_of("ordinary.txt")
    )


@cache
def _stems() -> tuple[str, ...]:
    return tuple(lines("open/drugstems.txt"))


@cache
def is_named_by_ending(word: str) -> bool:
    """A word with the ending of a disease, a sign or an operation."""
    return (
        len(word) >= SHORTEST_STEMMED
        and word.endswith(tuple(words_of("endings.txt")))
        and word not in words_of("ordinary.txt")
    )


@cache
def measurements() -> frozenset[str]:
    """Names of measurements, which are not procedures."""
    return frozenset(lines("measurements.txt"))
