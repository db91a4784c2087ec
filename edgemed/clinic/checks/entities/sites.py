"""A part of the body that the draft names where the source names another of the same region.

`Right ankle pain` for the knee's: both parts may be in the source, and the words around them tell
which one is meant. A part that the source lacks is flagged where a neighbouring part is there
in the same context.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from edgemed.clinic.findings import Flag, Span
from edgemed.clinic.lists import names_of
from edgemed.clinic.reading.named import parts_in
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.sides import parts_of
from edgemed.clinic.reading.source import Source

ONE = {"cervical spine": ("neck",), "thoracic spine": ("back",), "neck": ("cervical spine",)}
"""Parts that two names may mean."""
NEAR, FAR = 0.45, 0.2  # share of a part's context from which another part is about the same thing
CLEARLY = 0.4  # share of the other's context below which the part's own is outweighed


def check(said: Said, source: Source) -> Iterator[Flag]:
    """At most one flag for each part of the body in the sentence."""
    here = parts_in(said)
    for span, part in places(said):
        rivals = neighbours(part) - here
        company = {n: w for n, w in source.company(said, span).items() if part not in n}
        if not company or not rivals:
            continue
        if denied(said, part) and not any(
            denied(source.said[i], other) for other in rivals for i in source.parts.get(other, ())
        ):
            continue
        own = max((source.kept(company, i) for i in source.parts.get(part, ())), default=0.0)
        there = [
            (source.kept(company, i), other, i)
            for other in rivals
            for i in source.parts.get(other, ())
            if not {part, *ONE.get(part, ())} & source.parts_at(i)
        ]
        best = max(there, default=(0.0, "", 0))
        least = NEAR if part in source.parts else FAR
        if best[0] >= least and own < CLEARLY * best[0]:
            reason = f"{part} in the draft, {best[1]} in the note"
            spans = (source.span(best[2]),)
            yield Flag("site", "contradicted", "minor", reason, span, spans)
        elif is_absent(said, part, rivals, source):
            other = min(rivals & source.parts.keys())
            reason = f"the note does not name the {part}; it has {other}"
            yield Flag("site", "not found", "minor", reason, span)


def is_absent(said: Said, part: str, rivals: frozenset[str], source: Source) -> bool:
    """Whether the source names parts that are taken for this one, and never this one."""
    near = rivals & source.parts.keys()
    known = {part, *ONE.get(part, ())} & source.parts.keys()
    return bool(near) and not known and not denied(said, part) and not is_label(said, part)


def denied(said: Said, part: str) -> bool:
    """Whether what the sentence says of the part is not so: that says nothing of another part."""
    of = [m.polarity for m in said.mentions if part in m.concept.name]
    return "no" in of and "yes" not in of


def is_label(said: Said, part: str) -> bool:
    """Whether the part is only the heading of the sentence: `Chest: clear`."""
    text, start = said.sentence.text, said.sentence.span.start
    colon = text.find(":")
    return any(m.concept.name == part and m.span.end - start <= colon for m in said.mentions)


def places(said: Said) -> Iterator[tuple[Span, str]]:
    """Each part of the body in a sentence and where it is named."""
    found = {(m.span, m.concept.name) for m in said.mentions if m.concept.kind == "anatomy"}
    within = {part for _, part in found}
    plain = {m.span for m in said.mentions if m.concept.kind == "word"}  # `see him back in May`
    for word in said.words:
        span = Span(word.start, word.end)
        if span not in plain:
            found |= {(span, part) for part in parts_of(word) if part not in within}
    yield from sorted(found)


@cache
def neighbours(part: str) -> frozenset[str]:
    """Parts that may be taken for this one."""
    found: dict[str, set[str]] = defaultdict(set)
    for region in names_of("regions.txt").values():
        for one in region[1:]:
            found[one] |= set(region[1:]) - {one}
    return frozenset(found.get(part, ()))
