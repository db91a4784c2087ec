"""Rows that do not fill the blocks of the type that was meant for them, and what they get instead.

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

    @property
    def what(self) -> str:
        return f"of width {self.width:,} get {self.got} instead of {self.wanted}"


def fallbacks(wanted: Mapping[str, str], matrices: Iterable[Matrix]) -> list[Fallback]:
    """Every matrix that cannot have the type that is `wanted` for it by name."""
    meant = [(m, wanted[m.name]) for m in matrices if m.name in wanted]
    found = [Fallback(m.name, m.shape[0], type, fitting(type, m.shape[0])) for m, type in meant]
    return [fallback for fallback in found if fallback.got != fallback.wanted]


def notes_on(found: Sequence[Fallback]) -> Iterator[str]:
    """A line for each width and pair of types, with a count and an example."""
    for what in dict.fromkeys(fallback.what for fallback in found):
        names = [fallback.name for fallback in found if fallback.what == what]
        thing = "tensor" if len(names) == 1 else "tensors"
        example = names[0] if len(names) == 1 else f"such as {names[0]}"
        yield f"{len(names)} {thing} {what} ({example}): rows do not fill its blocks"


def refuse(found: Sequence[Fallback]) -> None:
    """Refused if there is any."""
    if found:
        first = found[0]
        more = f", and {len(found) - 1} more tensors" if len(found) > 1 else ""
        raise Refused(
            f"{first.name} is {first.width:,} wide and cannot be {first.wanted}{more}",
            f"choose a type of smaller blocks, such as {first.got}, "
            "or leave out --no-fallback to have one chosen",
        )
