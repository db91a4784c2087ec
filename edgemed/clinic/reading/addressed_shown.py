"""Places in a note that speak to the model, as they are shown: by lines, in words of our own."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from edgemed.clinic.findings import SAYS, Addressed, AddressedKind


def marked_lines(text: str, places: Iterable[Addressed]) -> dict[int, AddressedKind]:
    """The lines of `text` (from 1, as `splitlines` counts) with such a place, and its kind."""
    starts = list(accumulate(map(len, text.splitlines(keepends=True)), initial=0))
    marked: dict[int, AddressedKind] = {}
    for place in places:
        first, last = bisect_right(starts, place.span.start), bisect_left(starts, place.span.end)
        for line in range(first, max(first, last) + 1):
            marked.setdefault(line, place.kind)
    return marked


def told(text: str, places: Iterable[Addressed]) -> Iterator[str]:
    """Each place in words that quote nothing: its lines, its characters, what it does."""
    for place in places:
        lines = list(marked_lines(text, [place]))
        which = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
        start, end = place.span
        yield f"{which} (characters {start} to {end}): text that {SAYS[place.kind]}"
