"""What checking a draft against its source yields: plain data for the screen, the file and the log.

Offsets are characters into the text as given (`Span(start, end)`, end excluded). A label says what
the source shows, never that the draft is correct.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Label = Literal["supported", "contradicted", "not found", "not checked"]
Severity = Literal["major", "minor"]


class Span(NamedTuple):
    """Characters `start` to `end` (excluded) of one text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing to look at: where in the draft, why, and the source spans that bear on it."""

    check: str
    label: Label
    severity: Severity
    reason: str
    draft: Span
    source: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence or list item of the draft, or a part of it, with its best source spans first."""

    draft: Span
    label: Label
    evidence: tuple[Span, ...]
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Omission:
    """A source fact that the draft does not carry."""

    kind: str
    severity: Severity
    reason: str
    source: Span


@dataclass(frozen=True, slots=True)
class Review:
    """All claims in draft order, and the omissions, most severe first."""

    claims: tuple[Claim, ...]
    omissions: tuple[Omission, ...]


class Looked(NamedTuple):
    """A sentence of the draft that the model looked at again, and the source span it quoted."""

    draft: Span
    source: Span | None
