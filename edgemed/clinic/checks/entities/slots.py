"""A problem that the source does not have, where it has another one in the same place.

`No evidence of osteoporosis` for osteomyelitis, `gallstones two years ago` for kidney stones: near
enough in meaning to pass for the same, and the words around it tell which one it replaced. Looks at
what is denied too.
"""

from collections.abc import Iterator

from edgemed.clinic.checks.assertions.assertion import is_label
from edgemed.clinic.checks.entities.entities import PLAIN, is_named
from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Mention, Said
from edgemed.clinic.reading.source import Source

LEAST = 0.5  # share of the context in the sentence with the other one
INJURIES = frozenset(("fracture", "dislocation", "thrombus", "hematoma"))
CANCER = "cancer", "carcinoma", "tumor", "lymphoma"


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each problem that has taken another's place."""
    here = {m.concept.name for m in said.mentions}
    for mention in said.mentions:
        if not is_problem(mention) or is_label(said, mention) or is_named(mention, source):
            continue
        found = instead(said, mention, source, here)
        if found is not None:
            reason = f"{mention.concept.name} in the draft, {found.concept.name} in the note"
            yield Flag("entity", "contradicted", "minor", reason, mention.span, (found.span,))


def is_problem(mention: Mention) -> bool:
    """A disease or an injury: symptoms are listed in too many ways to take each other's place."""
    name = mention.concept.name
    return (mention.concept.kind == "disease" and name not in PLAIN) or name in INJURIES


def are_of_a_sort(a: str, b: str) -> bool:
    """Two names that may well mean one thing: both are cancers."""
    return all(any(word in name for word in CANCER) for name in (a, b))


def instead(said: Said, mention: Mention, source: Source, here: set[str]) -> Mention | None:
    """The problem that the source has in the same context and the draft's sentence has not."""
    company = source.company(said, mention.span)
    if len(company) < 2:
        return None
    places = {i for name in company for i, _ in source.mentions.get(name, ())}
    best = max(places, key=lambda i: source.kept(company, i), default=None)
    if best is None or source.kept(company, best) < LEAST:
        return None
    return next(
        (
            m
            for m in source.said[best].mentions
            if is_problem(m) and m.concept.name not in here
            and not are_of_a_sort(m.concept.name, mention.concept.name)
            and m.polarity in (mention.polarity, "open")
        ),
        None,
    )  # fmt: skip
