"""Rows that do not fill the blocks of the wanted type, and the type they get instead.

Names and widths only: no files, no weights.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from edgemed.errors import Refused
from edgemed.quantizing.mixes import Matrix, fitting


class Fallback(NamedTuple):
    """A matrix with rows of `width` weights, the type it was to have, and the one it gets."""

    name: str
    width: int
    wanted: str
    got: str


def fallbacks(wanted: Mapping[str, str], matrices: Iterable[Matrix]) -> list[Fallback]:
    """Every matrix that cannot have the type that is `wanted` for it by name."""
    meant = [(m, wanted[m.name]) for m in matrices if m.name in wanted]
    found = [Fallback(m.name, m.shape[0], type, fitting(type, m.shape[0])) for m, type in meant]
    return [fallback for fallback in found if fallback.got != fallback.wanted]


def notes_on(found: Sequence[Fallback]) -> Iterator[str]:
    """A line for each width and pair of types, with a count and an example."""
    alike: dict[tuple[int, str, str], list[str]] = {}
    for name, width, wanted, got in found:
        alike.setdefault((width, wanted, got), []).append(name)
    for (width, wanted, got), names in alike.items():
        many = len(names) > 1
        yield (
            f"{len(names)} tensor{'s' * many} of width {width:,} {'get' if many else 'gets'} {got} "
            f"instead of {wanted} ({'such as ' * many}{names[0]}): rows do not fill its blocks"
        )


def refuse(found: Sequence[Fallback]) -> None:
    """Refused if there is any."""
    if found:
        first = found[0]
        more = f", and {len(found) - 1} more tensors" if len(found) > 1 else ""
        raise Refused(
            f"{first.name} is {first.width:,} wide and cannot be {first.wanted}{more}",
            f"choose a type with smaller blocks, such as {first.got}, or have one chosen",
        )
