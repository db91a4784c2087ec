"""Left, right and both sides, each compared with the side the source gives for the same thing."""

import re
from collections.abc import Iterator

from edgemed.clinic.checks.entities.sites import neighbours
from edgemed.clinic.findings import Flag, Severity, Span
from edgemed.clinic.lists import names_of
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.sides import Sided
from edgemed.clinic.reading.source import Source

_SIDE = r"\b(?P<side>left|right)\b"
_THAN = r"(?:is |are )?(?:(?:greater|worse|more|less|larger|smaller) )?than|and|or|versus|vs\.?"
_VALUE = r"\d+(?:/\d+)?"
DOUBLED = (
    re.compile(
        rf"{_SIDE}(?: side)?,? (?:{_THAN}) (?:(?:on |in )?(?:the |his |her |my ))?"
        r"(?P<again>(?P=side))\b",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_VALUE} on the {_SIDE}[ ,]{{1,2}}(?:and )?{_VALUE} on the (?P<again>(?P=side))\b",
        re.IGNORECASE,
    ),
)
OTHER = {"left": "right", "right": "left"}
SURE = 0.6  # share of the opposite side's context that the same side's must reach


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each side that differs in the source, or is not there."""
    yield from _doubled(said)
    for sided in said.sides:
        bound = stated(bound_to(sided, source), said, sided, source)
        if sided.side == "both":
            yield from _of_one(sided, bound)
            continue
        if not _affirmed(said, sided) and leaves_room(sided, bound, source):
            continue
        same = [(i, s) for i, s in bound if s.side == sided.side]
        against = [(i, s) for i, s in bound if s.side in (OTHER[sided.side], "both")]
        against = [a for a in against if not source.said[a[0]].asks]
        if bound and is_on_both(said, sided) and all(s.side == "both" for _, s in bound):
            continue
        if same and not _outweighed(said, sided, source, same, against):
            continue
        if against:
            yield _contradicted(sided, [s for _, s in against])
        elif not same and is_sideless(sided, source):
            reason = f"the note does not say {sided.side} for this"
            yield Flag("laterality", "not found", severity_of(said), reason, sided.span)
        elif not same and not any(s.side == sided.side for _, s in source.sides):
            opposite = [s for _, s in source.sides if s.side == OTHER[sided.side]]
            of_the_same = [s for s in opposite if set(s.of) & set(sided.of)]
            if of_the_same:
                yield _contradicted(sided, of_the_same)
            else:
                reason = f"the note does not say {sided.side}"
                yield Flag("laterality", "not found", severity_of(said), reason, sided.span)


def leaves_room(sided: Sided, bound: list[tuple[int, Sided]], source: Source) -> bool:
    """Whether a denial of one side goes with what the source says: of both sides the same, or of
    the other one that it is there.
    """
    return any(
        _affirmed(source.said[i], s) if s.side == OTHER[sided.side] else s.side == "both"
        for i, s in bound
    )


def severity_of(said: Said) -> Severity:
    """A side that the source says nothing of does most harm where something is done there."""
    done = any(m.concept.kind == "procedure" for m in said.mentions)
    return "major" if done else "minor"


def is_on_both(said: Said, sided: Sided) -> bool:
    """Whether the sentence mentions the other side too: `right hand, left hand`."""
    return any(s.side in (OTHER[sided.side], "both") for s in said.sides)


def is_sideless(sided: Sided, source: Source) -> bool:
    """Whether the source names the part of the body and never with this side or with both."""
    parts = {n for n in sided.of if n in names_of("anatomy.txt") and n in source.parts}
    near = parts.union(*(neighbours(part) for part in parts))  # a right foot has a right ankle
    return bool(parts) and not any(
        s.side in (sided.side, "both") and near & set(s.of) for _, s in source.sides
    )


def _of_one(sided: Sided, bound: list[tuple[int, Sided]]) -> Iterator[Flag]:
    """Both sides, where the source says one of the same thing and never the other."""
    bound = [(i, s) for i, s in bound if len(set(sided.of) & set(s.of)) > 1]
    there = {s.side for _, s in bound}
    if len(there) == 1 and "both" not in there:
        yield _contradicted(sided, [s for _, s in bound])


def _doubled(said: Said) -> Iterator[Flag]:
    """`left greater than left`, `4/5 on the left and 3/5 on the left`: one of the two is wrong."""
    offset = said.sentence.span.start
    for pattern in DOUBLED:
        for match in pattern.finditer(said.sentence.text):
            span = Span(match.start("again") + offset, match.end("again") + offset)
            reason = f"{match['side'].lower()} is on both sides of a comparison"
            yield Flag("laterality", "contradicted", "major", reason, span)


def bound_to(sided: Sided, source: Source) -> list[tuple[int, Sided]]:
    """The source's sides of the same thing: of the same part of the body, if it has any of it."""
    parts = names_of("anatomy.txt")
    for wanted in ({name for name in sided.of if name in parts}, set(sided.of)):
        found = [(i, s) for i, s in source.sides if wanted & set(s.of)]
        if found:
            return found
    return []


def stated(
    bound: list[tuple[int, Sided]], said: Said, sided: Sided, source: Source
) -> list[tuple[int, Sided]]:
    """Sides of what is affirmed, where the draft affirms and the source does so of any side.

    `Any weakness in the left leg?` `No.` puts no weakness into the left leg.
    """
    if not _affirmed(said, sided):
        return bound
    return [(i, s) for i, s in bound if _affirmed(source.said[i], s)] or bound


def _affirmed(said: Said, sided: Sided) -> bool:
    """Whether something that the side is said of is affirmed."""
    of = [m for m in said.mentions if m.concept.name in sided.of]
    if not of:
        return not said.asks
    return any(m.polarity == "yes" for m in of)


def _outweighed(
    said: Said,
    sided: Sided,
    source: Source,
    same: list[tuple[int, Sided]],
    against: list[tuple[int, Sided]],
) -> bool:
    """Whether the opposite side has clearly more of the same context."""
    company = source.company(said, sided.span)
    for_it = max(_weight(company, source, i, s) for i, s in same)
    against_it = max((_weight(company, source, i, s) for i, s in against), default=0.0)
    return for_it < SURE * against_it


def _weight(company: dict[str, float], source: Source, i: int, sided: Sided) -> float:
    """How much of the context the side is said of, and how much its sentence shares."""
    total = sum(company.values())
    own = sum(w for name, w in company.items() if name in sided.of)
    return (own / total if total else 0.0) + source.kept(company, i) / 2


def _contradicted(sided: Sided, against: list[Sided]) -> Flag:
    reason = f"{sided.side} in the draft, {against[0].side} in the note"
    spans = tuple(s.span for s in against[:3])
    return Flag("laterality", "contradicted", "major", reason, sided.span, spans)
