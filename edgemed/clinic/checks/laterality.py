"""Left, right and both sides, each held against the side the source says of the same thing."""

from collections.abc import Iterator

from edgemed.clinic.findings import Flag
from edgemed.clinic.reading.said import Said
from edgemed.clinic.reading.sides import Sided
from edgemed.clinic.source import Source

OTHER = {"left": "right", "right": "left"}


def check(said: Said, source: Source) -> Iterator[Flag]:
    """One flag for each side that the source gives otherwise, or not at all."""
    for sided in said.sides:
        if sided.side == "both":
            continue
        bound = [(i, s) for i, s in source.sides if set(s.of) & set(sided.of)]
        if any(s.side in (sided.side, "both") for _, s in bound):
            continue
        against = [s for _, s in bound if s.side == OTHER[sided.side]]
        if against:
            yield _contradicted(sided, against)
        elif not any(s.side == sided.side for _, s in source.sides):
            opposite = [s for _, s in source.sides if s.side == OTHER[sided.side]]
            if opposite:
                yield _contradicted(sided, opposite)
            else:
                reason = f"the source does not say {sided.side}"
                yield Flag("laterality", "not found", "major", reason, sided.span)


def _contradicted(sided: Sided, against: list[Sided]) -> Flag:
    reason = f"{sided.side} in the draft, {against[0].side} in the source"
    spans = tuple(s.span for s in against[:3])
    return Flag("laterality", "contradicted", "major", reason, sided.span, spans)
