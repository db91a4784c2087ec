"""Flags and omissions below the texts: severity as word and sign, the reason, the note's words.

Findings of one kind are grouped under a line that folds and unfolds them. The vital check comes
last.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from edgemed.clinic.case.document import Dismissal
from edgemed.clinic.case.grouping import DISMISSED, Group, first, grouped
from edgemed.clinic.case.session import Finding, Session, dismissal_of, open_findings, quoted
from edgemed.clinic.findings import Flag, Omission, Vital
from edgemed.clinic.reviewing.counting import counted
from edgemed.clinic.vital.shown import TITLE, vital_lines
from edgemed_tui.literal import literal, one_line, row

SIGNS = {"major": "▲ MAJOR", "minor": "△ minor"}
VITAL = "◆ vital"
STYLES = {"major": "bold $error", "minor": "$warning"}
MOST_OPEN = 3  # findings of a group that is not folded automatically
MOST_QUOTED = 70  # characters of the note beside a finding
LEAST_QUOTED = 12  # with fewer nothing is shown
NOTE = "   note: "
NOTHING_FOUND = (
    "Nothing was found. That does not mean the draft is right: read it against the note."
)


class TextRow(NamedTuple):
    """A row of text that cannot be chosen."""

    words: str


Row = Finding | Vital | TextRow | str  # a string is the name of a group


class FindingsList(OptionList):
    """What the check has found, most harmful first; dismissed findings stay, marked as such."""

    HELP = """## Findings

What the check found: flags on sentences of the draft, and what the draft leaves out.
**▲ MAJOR** stands in the way of signing until it is settled or a reason is typed.
No finding does not mean that the draft is right: the check compares with the note, and
cannot see an error in the note itself.
The **vital check** comes last: allergies, anticoagulants, code status, results, follow-up in one
of the two texts only, or unclear in the note.

- `enter` shows the place in draft and note, `n` and `p` go to the next and previous
- `enter` on a line such as "Medication left out: 8" shows these findings, or hides them
- `d` dismisses with a reason, and the next one takes its place; on a dismissed one it takes that
  back
- `i` takes an omitted fact over into the draft as a line to edit"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="findings", markup=False)
        self.border_title = literal("Findings")
        self.session = Session()
        self.findings: tuple[Finding, ...] = ()
        self._groups: tuple[Group, ...] = ()
        self._first: dict[int, Finding] = {}  # findings that the verdict names, with their numbers
        self._rows: list[Row] = []
        self._folded: dict[str, bool] = {}
        self._ahead = False  # the highlight has moved by itself, and that was not shown yet
        self._written: list[str] = []  # the rows as they were drawn last

    def show(self, session: Session) -> None:
        """List the findings of `session`; the highlight stays on its row, or goes to the next."""
        here, rows, place = self._row, self._rows, self.highlighted or 0
        was_open = here is not None and not is_dismissed(self.session, here)
        self.session, self._groups, self._first = session, grouped(session), first(session)
        self.findings = tuple(f for group in self._groups for f in group.findings)
        settled = was_open and here is not None and is_dismissed(session, here)
        self._list(None if settled else here)
        if here is not None and self.highlighted is None:
            self._go_near((*rows[place:], *rows[place::-1]))
        self._ahead = settled and not self.has_focus
        words = counted(open_findings(session)).words
        self.border_title = literal(f"Findings: {words}")

    def _go_near(self, rows: Sequence[Row]) -> None:
        """Highlight the first of `rows` that is still open."""
        folded = {group.name for group in self._groups if self._is_folded(group)} - {DISMISSED}
        for one in rows:
            settles = isinstance(one, Flag | Omission) and not is_dismissed(self.session, one)
            if one in self._rows and (settles or isinstance(one, Vital) or one in folded):
                self.highlighted = self._rows.index(one)
                return

    def say(self, title: str, words: str) -> None:
        """Show why there are no findings."""
        self.findings, self._groups, self._rows = (), (), []
        self._write([(literal((words, "dim")), True)] if words else [])
        self.border_title = literal(title)

    def on_resize(self) -> None:
        """Draw again: the room for the note beside a finding has changed."""
        if self._rows:
            self._list(self._row)

    def wait(self) -> None:
        """The text was edited: its findings stay visible until it is checked again."""
        self.border_title = literal("Findings: checking")

    def _write(self, rows: list[tuple[Content, bool]]) -> None:
        """Draw the rows (with a flag for text rows) unless they are drawn already: a new list lays
        out the whole screen again, and typed letters wait for that."""
        written = [f"{disabled} {content}" for content, disabled in rows]
        if written != self._written:
            self._written = written
            self.clear_options()
            self.add_options(row(content, disabled=disabled) for content, disabled in rows)

    @property
    def current(self) -> Finding | None:
        """The highlighted finding; None on the line of a group."""
        found = self._row
        return None if isinstance(found, Vital | TextRow | str) else found

    @property
    def vital(self) -> Vital | None:
        """The highlighted line of the vital check."""
        found = self._row
        return found if isinstance(found, Vital) else None

    @property
    def _row(self) -> Row | None:
        at = self.highlighted
        return self._rows[at] if at is not None and at < len(self._rows) else None

    def choose(self, finding: Finding) -> None:
        """Highlight `finding`, in a group that is shown."""
        self._ahead = False
        if finding not in self.findings:
            return
        if finding not in self._rows:
            group = next(g for g in self._groups if finding in g.findings)
            self._folded[group.name] = False
            self._list(finding)
        self.highlighted = self._rows.index(finding)

    def step(self, by: int) -> Finding | None:
        """Highlight the next (1) or previous (-1) open finding, wrapping around; returns it."""
        if self.findings:
            found = [f for f in self.findings if not is_dismissed(self.session, f)]
            found = found or list(self.findings)
            if self._ahead and by > 0 and self.current in found:
                by = 0
            self.choose(found[(self._place(found, by) + by) % len(found)])
        return self.current

    def _place(self, among: Sequence[Finding], by: int) -> int:
        """Where the highlight is among findings; on a line of a group before its first."""
        here = self.current if self.current is not None else self._row
        if isinstance(here, Vital | TextRow):
            return len(among) if by < 0 else -1
        if isinstance(here, str):
            first = next(g.findings[0] for g in self._groups if g.name == here)
            return among.index(first) - (by > 0) if first in among else -1
        return among.index(here) if here in among else -(by > 0)

    @on(OptionList.OptionSelected)
    def _fold(self, event: OptionList.OptionSelected) -> None:
        found = self._rows[event.option_index] if event.option_index < len(self._rows) else None
        if isinstance(found, str):
            event.stop()
            group = next(g for g in self._groups if g.name == found)
            self._folded[found] = not self._is_folded(group)
            self._list(found)

    def _is_folded(self, group: Group) -> bool:
        long = len(group.findings) > MOST_OPEN or group.name == DISMISSED
        return self._folded.get(group.name, long)

    def _list(self, highlighted: Row | None) -> None:
        """Draw every row again."""
        self._rows = list(self._laid_out())
        self._write([(self._drawn(found), isinstance(found, TextRow)) for found in self._rows])
        shown = highlighted is not None and highlighted in self._rows
        self.highlighted = self._rows.index(highlighted) if highlighted and shown else None

    def _laid_out(self) -> Iterator[Row]:
        """Findings and the names of groups, from the top; a single finding needs no group name.
        Then the vital check."""
        if not self._groups:
            yield TextRow(NOTHING_FOUND)
        for group in self._groups:
            if group.name and len(group.findings) > 1:
                yield group.name
                if self._is_folded(group):
                    continue
            yield from group.findings
        review = self.session.review
        if review is not None and review.vital:
            yield from review.vital
        else:
            yield from (TextRow(f"{TITLE}: {words}") for words in vital_lines(review))

    def _drawn(self, found: Row) -> Content:
        if isinstance(found, TextRow):
            return literal((found.words, "dim"))
        if isinstance(found, Vital):
            return literal((f"{VITAL:<9}", "bold"), one_line(found.words))
        if not isinstance(found, str):
            before = self._before(found)
            room = self.scrollable_content_region.width - len(before) or None
            line = line_of(found, dismissal_of(self.session, found), self.session, room)
            return Content("").join([literal((before, "bold")), line])
        group = next(g for g in self._groups if g.name == found)
        severity = "major" if group.major else "minor"
        sign = "▸" if self._is_folded(group) else "▾"
        name = f"{sign} {group.name}: {len(group.findings)}"
        if group.name == DISMISSED:
            return literal((f"✕ dismissed  {name}", "dim"))
        return literal((f"{SIGNS[severity]:<9}", STYLES[severity]), (name, "bold"))

    def _before(self, finding: Finding) -> str:
        """The number that the verdict gives it, if any; else an indent below a group's name."""
        number = next((n for n, one in self._first.items() if one == finding), None)
        if number is not None and len(self.findings) > len(self._first):
            return f"{number} "
        named = any(g.name and len(g.findings) > 1 and finding in g.findings for g in self._groups)
        return "  " if named else ""


def is_dismissed(session: Session, row: Row) -> bool:
    """Whether a row is a finding that was dismissed, with a reason."""
    return isinstance(row, Flag | Omission) and dismissal_of(session, row) is not None


def line_of(
    finding: Finding,
    dismissal: Dismissal | None,
    session: Session | None = None,
    room: int | None = None,
) -> Content:
    """A finding in one line: sign and word of severity, the check, its reason and, in a session,
    as much of what the note says as fits into `room` columns."""
    kind, reason = finding_words(finding)
    if dismissal is not None:
        why = dismissal.words or dismissal.reason
        return literal((f"✕ dismissed  {kind}: {reason}  ({why})", "dim"))
    sign = (f"{SIGNS[finding.severity]:<9}", STYLES[finding.severity])
    words = f"{kind}: {reason}"
    left = MOST_QUOTED if room is None else room - len(sign[0]) - len(words)
    return literal(sign, words, (evidence(finding, session, left), "dim"))


def finding_words(finding: Finding) -> tuple[str, str]:
    """A finding's kind and reason; "left out" already says that it is not in the draft."""
    if not isinstance(finding, Omission):
        return finding.check, finding.reason
    return "left out", finding.reason.replace(" not in the draft: ", ": ", 1)


def evidence(finding: Finding, session: Session | None, room: int) -> str:
    """What the note says about a finding, in `room` columns; empty if it says nothing, or if only a
    few letters would fit."""
    spans = (finding.source,) if isinstance(finding, Omission) else finding.source
    if session is None or not spans:
        return ""
    words = one_line(" ".join(quoted(session.source, spans[0]).split()))
    most = min(MOST_QUOTED, room - len(NOTE))
    if len(words) > most:
        words = f"{words[: max(0, most - 1)]}…" if most >= LEAST_QUOTED else ""
    return f"{NOTE}{words}" if words else ""
