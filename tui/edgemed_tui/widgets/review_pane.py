"""Note, draft and findings side by side, and how to get from one to another.

Shows a session as it is given and asks for changes by message; decides nothing itself.
"""

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from edgemed.clinic.case.session import (
    Finding,
    Session,
    open_findings,
    stage,
)
from edgemed.clinic.findings import Claim, Flag, Omission, Vital
from edgemed_tui.literal import one_line, visible
from edgemed_tui.messages import DismissAsked, InsertAsked
from edgemed_tui.widgets.draft_pane import DraftPane
from edgemed_tui.widgets.findings_list import FindingsList
from edgemed_tui.widgets.next_step import NextStep
from edgemed_tui.widgets.source_pane import SourcePane
from edgemed_tui.widgets.stream_pane import StreamPane
from edgemed_tui.widgets.text_pane import Mark
from edgemed_tui.widgets.verdict_line import VerdictLine


class ReviewPane(Container):
    """The three panes of a session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Finding", id="review.next", key_display="n/p"),
        Binding("p", "step(-1)", "Previous finding", id="review.previous", show=False),
        Binding("enter", "jump", "Evidence", id="review.jump"),
        Binding("d", "dismiss", "Dismiss", id="review.dismiss"),
        Binding("i", "insert", "Insert", id="review.insert"),
    ]

    def __init__(self) -> None:
        super().__init__(id="review")
        self.session = Session()
        self.source = SourcePane()
        self.stream = StreamPane()
        self.draft = DraftPane()
        self.next = NextStep()
        self.findings = FindingsList()
        self.verdict = VerdictLine()
        self._meant: tuple[Finding | None, Finding | None] = (None, None)
        self._stepped = False  # gone to a finding, and the cursor of the draft was not moved since

    def compose(self) -> ComposeResult:
        """The verdict, note left, draft right, findings below; narrow terminals stack them."""
        yield self.verdict
        with Container(id="texts"):
            yield self.source
            yield self.stream
            yield self.draft
            yield self.next
        yield self.findings

    def on_mount(self) -> None:
        """Until there is a draft, its place says what to do next."""
        self._arrange(streaming=False)

    def head(self, demonstration: bool, cut: bool) -> None:
        """Show above the draft whether it is a demonstration, and whether its end is missing."""
        self.stream.head(demonstration)
        self.next.head(demonstration)
        self.draft.head(demonstration, cut)

    def set_streaming(self, streaming: bool) -> None:
        """Give the draft's place to the text that is being written, or back to the finished one."""
        if streaming and not self.stream.display:
            self.stream.load("")
        self._arrange(streaming)

    def _arrange(self, streaming: bool) -> None:
        """Show the right one of the three panes in the draft's place; the focus stays there."""
        come = self.stream if streaming else self.draft if self.session.number else self.next
        if come.display and sum(pane.display for pane in self._in_place) == 1:
            return
        had_focus = any(pane.has_focus for pane in self._in_place)
        come.display = True
        if had_focus:
            (come if come is not self.next else self.source).focus()
        for pane in self._in_place:
            pane.display = pane is come

    @property
    def _in_place(self) -> tuple[StreamPane, DraftPane, NextStep]:
        return self.stream, self.draft, self.next

    def show(self, session: Session) -> None:
        """Show `session`; texts are loaded again only if they differ."""
        before, self.session = self.session, session
        if session.source != before.source:
            self.source.load(session.source)
        other = session.number != before.number
        if other or (session.text != before.text and visible(session.text) != self.draft.text):
            self.draft.number = session.number
            self.draft.load(session.text)
        if session.review is None:
            self.source.show_evidence(())
        self.draft.title_words = title_of(session)
        self.draft.freeze(stage(session) not in ("draft", "reviewed"))
        self.verdict.show(session)
        self.findings.display = bool(session.number)
        self._list_findings(edited=not other and session.review is None)
        self._mark_draft()
        self.refresh_bindings()

    def follow(self, session: Session) -> None:
        """The text was edited and must be checked again: nothing else changes."""
        self.session = session

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Single letters are keys only while the draft is not being edited."""
        reading = self.session.review is not None and self.draft.read_only
        match action:
            case "step" | "jump":
                return reading
            case "dismiss":
                return reading and self._open and self._finding_meant() is not None
            case "insert":
                return reading and self._open and isinstance(self.findings.current, Omission)
        return super().check_action(action, parameters)

    @property
    def _open(self) -> bool:
        """Whether something can still be decided: the text is not signed."""
        return self.session.signature is None

    def _offer(self) -> None:
        """Update the keys for the current finding, if they differ from before."""
        meant = self._finding_meant(), self.findings.current
        if meant != self._meant:
            self._meant = meant
            self.refresh_bindings()

    def action_step(self, by: int) -> None:
        """Go to the next or previous finding, and show it in both texts."""
        finding = self.findings.step(by)
        if finding is not None:
            self._show_finding(finding)
        self._stepped = True
        self._offer()

    def action_jump(self) -> None:
        """From a sentence to its evidence; from the note or a finding to where it points."""
        if self.findings.has_focus and self.findings.current is not None:
            self._show_finding(self.findings.current)
        elif self.findings.has_focus and self.findings.vital is not None:
            self._show_vital(self.findings.vital)
        elif self.draft.has_focus:
            self.source.focus()
        else:
            self.draft.focus()

    def action_dismiss(self) -> None:
        """Ask to dismiss the finding in question."""
        finding = self._finding_meant()
        if finding is not None:
            self.post_message(DismissAsked(finding))

    def action_insert(self) -> None:
        """Ask to insert the highlighted omission."""
        finding = self.findings.current
        if isinstance(finding, Omission):
            self.post_message(InsertAsked(finding))

    @on(DraftPane.SelectionChanged, "#draft")
    def _cursor_moved(self) -> None:
        """Mark the sentence under the cursor, and its evidence in the note."""
        if not self.session.review or not self.draft.has_focus:
            return
        if not self.draft.holds(self.session.text):  # a letter came: what was found is of before
            return
        self._stepped = False
        self._mark_draft()
        claim = self._claim_at_cursor()
        flag = self._flag_at_cursor()
        if flag is not None:
            self.findings.choose(flag)
        self.source.show_evidence((flag and flag.source) or (claim.evidence if claim else ()))
        self._offer()

    @on(FindingsList.OptionHighlighted)
    def _finding_highlighted(self) -> None:
        if self.session.review is None:  # the list is of the text before the last edit
            return
        if self.findings.has_focus and self.findings.current is not None:
            self._show_finding(self.findings.current)
        elif self.findings.has_focus and self.findings.vital is not None:
            self._show_vital(self.findings.vital)
        self._offer()

    @on(FindingsList.OptionSelected)
    def _finding_selected(self) -> None:
        if self.session.review is not None:
            self.action_jump()

    def _show_finding(self, finding: Finding) -> None:
        """Both texts show what the finding is about."""
        if isinstance(finding, Omission):
            self.source.show_evidence((finding.source,))
            return
        self.draft.look_at(finding.draft)
        self._mark_draft()
        claim = self._claim_at_cursor()
        self.source.show_evidence(finding.source or (claim.evidence if claim else ()))

    def _show_vital(self, line: Vital) -> None:
        """The places that a line of the vital check is about."""
        if line.draft:
            self.draft.look_at(line.draft[0])
            self._mark_draft()
        self.source.show_evidence(line.source)

    def _finding_meant(self) -> Finding | None:
        """The finding last gone to, or under the draft's cursor, else the highlighted one."""
        by_cursor = self.draft.has_focus and not self._stepped
        flag = self._flag_at_cursor() if by_cursor else None
        return flag or self.findings.current

    def _claim_at_cursor(self) -> Claim | None:
        """The sentence under the draft's cursor."""
        if self.session.review is None:
            return None
        at = self.draft.cursor_offset_in_text
        claims = self.session.review.claims
        return next((c for c in claims if c.draft.start <= at <= c.draft.end), None)

    def _flag_at_cursor(self) -> Flag | None:
        """The flag under the draft's cursor, else the first of its sentence."""
        claim = self._claim_at_cursor()
        if claim is None or not claim.flags:
            return None
        at = self.draft.cursor_offset_in_text
        here = [f for f in claim.flags if f.draft.start <= at < f.draft.end]
        return here[0] if here else claim.flags[0]

    def _list_findings(self, *, edited: bool) -> None:
        match stage(self.session):
            case "draft" if edited and self.findings.option_count:
                self.findings.wait()
            case "note":
                self.findings.say("Findings", "")
            case "draft":
                self.findings.say("Findings: checking", "The text is being compared with the note.")
            case _:
                self.findings.show(self.session)

    def _mark_draft(self) -> None:
        self.draft.mark(self._draft_marks())
        claim = self._claim_at_cursor()
        self.draft.tell(told(claim) if claim else ())

    def _draft_marks(self) -> Iterator[Mark]:
        if self.session.review is None:
            return
        claim = self._claim_at_cursor()
        if claim is not None:
            yield Mark(claim.draft, "sentence")
        for finding in open_findings(self.session):
            if isinstance(finding, Flag):
                yield Mark(finding.draft, finding.severity)


def title_of(session: Session) -> tuple[str, str]:
    """The title of the open text: which of how many documents, and what it is."""
    many, name = len(session.documents), session.document.name
    which = f"Document {session.number} of {many}" if many > 1 and session.number else "Draft"
    return which, one_line(name) if session.number else ""


LABELS = {
    "supported": "everything checked in it is in the note",
    "partly supported": "partly in the note",
    "nothing to compare": "nothing to compare",
    "contradicted": "the note says otherwise",
    "not found": "not found in the note",
    "not checked": "not checked",
    "not usable": "not usable",
}


def told(claim: Claim) -> tuple[str, ...]:
    """What the note says about a sentence, and what was not found; shorter and shorter."""
    words = LABELS[claim.label]
    missing = f"; not found: {', '.join(claim.missing)}" if claim.missing else ""
    shown = f"this sentence: {words}"
    return f"{shown}{missing}", *((shown,) if missing else ()), words
