"""Flags and omissions below the texts: severity as a word and a sign, then the reason."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from edgemed.clinic.document import Dismissal
from edgemed.clinic.findings import Omission
from edgemed.clinic.session import Finding
from edgemed_tui.literal import literal, row

SIGNS = {"major": "▲ MAJOR", "minor": "△ minor"}


class FindingsList(OptionList):
    """What the check has found, one row each; dismissed ones stay, marked so."""

    HELP = """## Findings

What the check found: flags on sentences of the draft, and what the draft leaves out.
**▲ MAJOR** stands in the way of signing until it is settled or a reason is typed.
No finding does not mean that the draft is right: the check compares with the note, and
cannot see an error that stands in the note itself.

- `enter` shows the place in draft and note, `n` and `p` go to the next and previous
- `d` dismisses with a reason (again: takes that back)
- `i` takes an omitted fact over into the draft as a line to edit"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="findings", markup=False)
        self.border_title = literal("Findings")
        self.findings: tuple[Finding, ...] = ()

    def show(self, rows: Sequence[tuple[Finding, Dismissal | None]]) -> None:
        """List these findings; the highlighted row stays the same one if it is still there."""
        before = self.current
        self.findings = tuple(finding for finding, _ in rows)
        self.clear_options()
        self.add_options(row(line_of(finding, dismissal)) for finding, dismissal in rows)
        self.highlighted = self.findings.index(before) if before in self.findings else None
        self.border_title = literal(_title(rows))

    def say(self, title: str, words: str) -> None:
        """No findings to list: say why."""
        self.findings = ()
        self.clear_options()
        if words:
            self.add_option(row(literal((words, "dim")), disabled=True))
        self.border_title = literal(title)

    @property
    def current(self) -> Finding | None:
        """The highlighted finding."""
        at = self.highlighted
        return self.findings[at] if at is not None and at < len(self.findings) else None

    def choose(self, finding: Finding) -> None:
        """Highlight `finding`."""
        if finding in self.findings:
            self.highlighted = self.findings.index(finding)

    def step(self, by: int) -> Finding | None:
        """Highlight the next (1) or previous (-1) finding, around the end; the one it is now."""
        if self.findings:
            at = self.highlighted
            start = -1 if at is None and by > 0 else at or 0
            self.highlighted = (start + by) % len(self.findings)
        return self.current


def line_of(finding: Finding, dismissal: Dismissal | None) -> Content:
    """A finding in one line: sign and word of severity, the check, its reason."""
    kind = "left out" if isinstance(finding, Omission) else finding.check
    if dismissal is not None:
        why = dismissal.words or dismissal.reason
        return literal((f"✕ dismissed  {kind}: {finding.reason}  ({why})", "dim"))
    sign = (f"{SIGNS[finding.severity]:<9}", "bold" if finding.severity == "major" else "")
    return literal(sign, f"{kind}: {finding.reason}")


def _title(rows: Sequence[tuple[Finding, Dismissal | None]]) -> str:
    still_open = [finding for finding, dismissal in rows if dismissal is None]
    omissions = sum(isinstance(f, Omission) for f in still_open)
    major = sum(f.severity == "major" for f in still_open)
    if not rows:
        return "Findings: none"
    return f"Findings: {major} major, {len(still_open) - major} minor ({omissions} left out)"
