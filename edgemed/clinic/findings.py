"""What checking a draft against its source yields: plain data for the screen, the file and the log.

Offsets are characters into the text as given (`Span(start, end)`, end excluded). A label says what
the source shows, never that the draft is correct.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Label = Literal[
    "supported",
    "partly supported",
    "contradicted",
    "not found",
    "nothing to compare",
    "not checked",
    "not usable",
]
Severity = Literal["major", "minor"]
AddressedKind = Literal["instruction", "role", "marker", "code", "letters", "end", "closed"]


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
class Addressed:
    """A place in the source that addresses the model or the writer, and is not about the patient.

    `instruction`: it says what to write. `role`: it is written like a turn of a chat. `marker`: a
    mark that chat programs use. `code`: coded words. `letters`: look-alike letters, or letters that
    the checks cannot read. `end`: it comes after a line that says that the note has ended;
    `closed`: after a line that commonly ends a report, or divides several notes.
    """

    span: Span
    kind: AddressedKind


SAYS: dict[AddressedKind, str] = {
    "instruction": "tells the model what to write",
    "role": "is written like a turn of a chat",
    "marker": "holds marks of a chat program",
    "code": "is coded",
    "letters": "has look-alike letters, or letters that the checks cannot read",
    "end": "stands after a line that says that the note has ended",
    "closed": "stands after a line that ends a report",
}
"""What the text at a place does, in words that follow `text that`."""

GRAVITY: dict[AddressedKind, Severity] = {
    kind: "minor" if kind == "closed" else "major" for kind in SAYS
}
"""How serious it is where a draft has no other support: reports that are printed one after
the other, each with its end, are common."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence or list item of the draft, or a part of it, with its best source spans first.

    `missing` names what of a claim without flags was not found with the same value.
    """

    draft: Span
    label: Label
    evidence: tuple[Span, ...]
    flags: tuple[Flag, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """The label; for a partly supported claim also what was not found."""
        if not self.missing:
            return self.label
        return f"{self.label}; not found: {', '.join(self.missing)}"


@dataclass(frozen=True, slots=True)
class Omission:
    """A source fact that the draft leaves out.

    `name`: what is left out as the checks call it, which holds no other word of the note; empty
    where they have no name for it.
    """

    kind: str
    severity: Severity
    reason: str
    source: Span
    name: str = ""


Lack = Literal["not in the draft", "not in the note", "unclear in the note"]


@dataclass(frozen=True, slots=True)
class Vital:
    """One line of the vital check: where note and draft differ, or where the note is unclear.

    `items` name each thing in words of the text that has it; the spans say where.
    """

    kind: str
    lack: Lack
    items: tuple[str, ...]
    source: tuple[Span, ...] = ()
    draft: tuple[Span, ...] = ()

    @property
    def words(self) -> str:
        """The line to show."""
        return f"{self.kind}, {self.lack}: {'; '.join(self.items)}"


@dataclass(frozen=True, slots=True)
class Review:
    """All claims in draft order, omissions, most severe first, and what addresses the model.

    `vital` is the short list of what must never be lost, compared both ways; it is shown last.

    `unusable`: why the whole draft cannot be used, in words that follow "it" (reviewing.usable).
    """

    claims: tuple[Claim, ...]
    omissions: tuple[Omission, ...]
    addressed: tuple[Addressed, ...] = ()
    unusable: tuple[str, ...] = ()
    vital: tuple[Vital, ...] = ()


class Looked(NamedTuple):
    """A sentence of the draft that the model looked at again, and the source span it quoted."""

    draft: Span
    source: Span | None
