"""One text about a note: a model's draft on its way to a signature, or an addendum. Plain data."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgemed.clinic.findings import Review


class FindingKey(NamedTuple):
    """What makes a finding the same one after the draft was edited and checked again."""

    check: str
    words: str
    reason: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What made the draft: names and hashes of model and template, and the settings."""

    model: str
    template: str
    model_hash: str = ""
    template_hash: str = ""
    demonstration: bool = False
    settings: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Dismissal:
    """A finding set aside: one of `session.REASONS`, and the clinician's own words if any."""

    key: FindingKey
    reason: str
    words: str
    at: str


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed what and when (ISO 8601), and why with findings still open."""

    by: str
    at: str
    digest: str
    reason: str = ""
    open: tuple[FindingKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """What the model wrote, the present text, and what was decided about it.

    `at`: when it was begun (ISO 8601), empty where an earlier version did not keep that. `origin`
    is None and `ai_draft` empty where the clinician wrote it. `adds_to`: the number of the signed
    document that this one is an addendum to; 0 where it is none.
    """

    at: str = ""
    origin: Origin | None = None
    ai_draft: str = ""
    cut: bool = False
    text: str = ""
    review: Review | None = None
    dismissals: tuple[Dismissal, ...] = field(default=())
    signature: Signature | None = None
    adds_to: int = 0

    @property
    def name(self) -> str:
        """Its name for display: its template's, or "addendum to 1"."""
        if self.adds_to:
            return f"addendum to {self.adds_to}"
        return self.origin.template.replace("-", " ") if self.origin else "text"

    @property
    def state(self) -> str:
        """Its stage, in words."""
        cut = ", its end is missing" if self.cut else ""
        if self.signature is not None:
            return f"signed by {self.signature.by}, {minute(self.signature.at)}{cut}"
        begun = f", begun {minute(self.at)}" if self.at else ""
        return f"draft{cut}{begun}"


def minute(at: str) -> str:
    """A time to the minute, for display."""
    return at[:16].replace("T", " ")


def with_line(text: str, number: int, words: str) -> str:
    """`text` with line `number`, from 1, replaced by `words`; without words the line is deleted.
    Every other line keeps its bytes, its line end too."""
    rows = text.splitlines(keepends=True)
    line = rows[number - 1]
    end = line[len(line.splitlines()[0]) :]
    rows[number - 1] = words + end if words else ""
    return "".join(rows)
