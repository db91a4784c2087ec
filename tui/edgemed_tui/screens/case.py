"""What may be decided about a session: dismiss, insert, sign, export, copy, compare, save.

Each is asked for here, decided in `edgemed.clinic.session`, and logged before it counts: what
cannot be logged is not done.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from edgemed.clinic import export, history
from edgemed.clinic import session as steps
from edgemed.clinic.findings import Omission
from edgemed.clinic.session import Finding, Session
from edgemed.errors import EdgemedError
from edgemed.logs import seals, sessions
from edgemed.logs.audit import Entry, Log
from edgemed_tui.desk import Desk
from edgemed_tui.literal import lines, literal
from edgemed_tui.messages import DismissAsked, InsertAsked
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.dialogs import AskPassphrase, AskPath, AskReason, AskSignature, Attest
from edgemed_tui.widgets.findings_list import line_of
from edgemed_tui.widgets.review_pane import ReviewPane

if TYPE_CHECKING:
    from edgemed_tui.app import EdgemedApp

SAVING = """The session is encrypted with this passphrase. Nobody can read it without, and nobody
can give the passphrase back. It also unlocks the screen."""


WHY_A_SEAL = "without one, an older copy of the log, put back, goes unnoticed"


class CaseScreen(Screen[None]):
    """A screen that holds a session and takes decisions on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sign", "Sign", id="case.sign"),
        Binding("v", "compare", "Compare", id="case.compare", show=False),
        Binding("x", "export", "Export", id="case.export"),
        Binding("c", "copy", "Copy", id="case.copy"),
        Binding("ctrl+s", "save", "Save", id="case.save", show=False),
        Binding("z", "keep_seal", "Keep a seal", id="case.seal", show=False),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.session = Session()
        self.saved_as: Path | None = None
        self.kept: Session = self.session  # what is safe: saved, exported, or nothing yet
        self.own_words = ""
        self.attested: Attest | None = None  # typed for a signature that could not be logged

    @property
    def owner(self) -> "EdgemedApp":
        """The app, by its own type."""
        from edgemed_tui.app import EdgemedApp

        assert isinstance(self.app, EdgemedApp)
        return self.app

    @property
    def who(self) -> str:
        """The name that stands in the log."""
        return self.owner.settings.name or "not named"

    @property
    def unsaved(self) -> bool:
        """Whether closing now would lose work."""
        return bool(self.session.text) and self.session != self.kept

    def show(self) -> None:
        """Show the session as it now is."""
        raise NotImplementedError

    def complain(self, error: EdgemedError) -> None:
        """Say what went wrong and what to do about it."""
        raise NotImplementedError

    def tell(self, words: str) -> None:
        """Say that something was done."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are shown when they can do something."""
        match action:
            case "sign":
                return steps.stage(self.session) == "reviewed" and not self.editing
            case "compare" | "save":
                return bool(self.session.text) and not (action == "compare" and self.editing)
            case "keep_seal":
                return not self.editing
            case "export":
                return self.session.signature is not None
            case "copy":
                return self.session.signature is not None and self.owner.settings.clipboard
        return super().check_action(action, parameters)

    @property
    def editing(self) -> bool:
        """Whether letters go into the text."""
        return not self.query_one(ReviewPane).draft.read_only

    def change(self, step: Callable[[], Session], log: Callable[[Log, Session], Entry]) -> bool:
        """Take a step and log it; on a refusal of either, nothing has changed."""
        try:
            after = step()
            self.owner.ledger.write(lambda opened: log(opened, after))
        except EdgemedError as error:
            self.complain(error)
            return False
        self.session = after
        self.show()
        return True

    @on(InsertAsked)
    def _insert(self, message: InsertAsked) -> None:
        line = steps.insertion(self.session, message.omission)
        self.query_one(ReviewPane).draft.append_line(line)

    @on(DismissAsked)
    def _dismiss(self, message: DismissAsked) -> None:
        if self.session.signature is None:
            self._settle(message.finding)

    @work
    async def _settle(self, finding: Finding) -> None:
        """Dismiss `finding` with a reason, or take its dismissal back."""
        at = self.desk.clock()
        if steps.dismissal_of(self.session, finding) is not None:
            self.change(
                lambda: steps.restored(self.session, finding),
                lambda log, after: history.restored(log, after, finding, self.who, at),
            )
            return
        dialog = AskReason(line_of(finding, None), steps.REASONS, self.own_words)
        answer = await self.app.push_screen_wait(dialog)
        if answer is not None:
            done = self.change(
                lambda: steps.dismissed(self.session, finding, *answer, at=at),
                lambda log, after: history.dismissed(log, after, finding, self.who, at),
            )
            self.own_words = "" if done else answer.words  # need not be typed again

    @work
    async def action_sign(self) -> None:
        """Ask for name and reason, then sign."""
        refusal = steps.why_not_signed(self.session)
        if refusal is not None:
            self.complain(refusal)
            return
        dialog = AskSignature(
            what_is_signed(self.session),
            self.attested.by if self.attested else self.owner.settings.name,
            reason_needed=steps.needs_reason(self.session),
            reason=self.attested.reason if self.attested else "",
        )
        answer = await self.app.push_screen_wait(dialog)
        if answer is None:
            return
        at = self.desk.clock()
        if self.change(
            lambda: steps.signed(self.session, answer.by, at=at, reason=answer.reason),
            lambda log, after: history.signed(log, after, at),
        ):
            self.attested = None
            self.tell(
                "signed; the text can no longer change. x exports it, z keeps a seal of the log"
            )
            self.owner.remember(name=answer.by)
            self._remind(at)
        else:
            self.attested = answer  # need not be typed again

    def _remind(self, at: str) -> None:
        """Say that a seal is due, if one is."""
        if due := seals.reminder(self.desk.place, at):
            self.complain(EdgemedError(due, f"z keeps one: {WHY_A_SEAL}"))

    @work
    async def action_keep_seal(self) -> None:
        """Ask for a folder, on a stick say, and keep a seal of the audit log there."""
        about = f"A folder, on a stick or in another place: {WHY_A_SEAL}"
        answer = await self.app.push_screen_wait(AskPath("Keep a seal", about, seals.proposed()))
        if answer is None:
            return
        try:
            to = Path(answer).expanduser()
            path = seals.keep(self.desk.place, to, self.who, self.desk.clock())
        except EdgemedError as error:
            self.complain(error)
            return
        except (RuntimeError, ValueError):  # no such user; a name that no file can have
            self.complain(EdgemedError("no folder has that name", "type another"))
            return
        here = seals.on_this_disk(self.desk.place, path)
        self.tell(
            "seal kept" + ("; this is the log's own disk: copy it to a stick" if here else "")
        )

    @work
    async def action_export(self) -> None:
        """Ask for a file name and write the signed text."""
        day = self.desk.clock()[:10]
        about = f"The ending chooses the format: {', '.join(export.FORMATS)}"
        proposed = str(Path.home() / f"summary-{day}.txt")
        answer = await self.app.push_screen_wait(AskPath("Export", about, proposed))
        if answer is None:
            return
        path = Path(answer).expanduser()
        try:
            export.write(self.session, path, lambda what: self._log_export(path.suffix, what))
        except EdgemedError as error:
            self.complain(error)
            return
        self.kept = self.session
        self.show()
        self.tell("exported")

    def action_copy(self) -> None:
        """Put the signed text on the clipboard, if the settings allow it."""
        refusal = steps.why_not_given_out(self.session)
        if refusal is not None:
            self.complain(refusal)
        elif self._given_out("clipboard"):
            self.owner.release(self.session.text)
            self.tell("copied to the clipboard")

    def _log_export(self, way: str, what: str) -> None:
        at = self.desk.clock()
        self.owner.ledger.write(
            lambda log: history.given_out(log, self.session, way, self.who, at, what)
        )

    def _given_out(self, way: str) -> bool:
        return self.change(
            lambda: self.session,
            lambda log, after: history.given_out(log, after, way, self.who, self.desk.clock()),
        )

    def action_compare(self) -> None:
        """The model's draft against the text."""
        self.app.push_screen(CompareScreen(self.session.ai_draft, self.session.text))

    @work
    async def action_save(self) -> None:
        """Save the session, encrypted; the first time in a run asks for a passphrase."""
        if self.owner.lock is None:
            ask = AskPassphrase("Save, encrypted", " ".join(SAVING.split()), new=True)
            passphrase = await self.app.push_screen_wait(ask)
            if passphrase is None:
                return
            try:
                self.owner.lock = sessions.make_lock(passphrase)
            except EdgemedError as error:
                self.complain(error)
                return
        try:
            self.keep()
        except EdgemedError as error:
            self.complain(error)
            return
        self.tell("saved, encrypted; from now on also when the terminal is lost")

    def keep(self) -> None:
        """Save if saving is on. Raises EdgemedError; safe to call while closing."""
        lock = self.owner.lock
        if lock is None or not self.session.source:
            return
        if self.saved_as is None:
            folder, at = self.desk.sessions, self.desk.clock()
            self.saved_as = sessions.save_new(folder, at, self.session, lock)
        else:
            sessions.save(self.saved_as, self.session, lock)
        self.kept = self.session


def what_is_signed(session: Session) -> Content:
    """The words over a signature: what made the draft, what stands open."""
    origin = session.origin
    assert origin is not None
    count = len(session.text.splitlines())
    rows = [literal(f"{count} lines, drafted by {origin.model} with {origin.template}.")]
    if session.cut:
        rows.append(literal(("The model's draft was cut before its end.", "bold")))
    major = steps.major_flags(session)
    if major:
        rows.append(literal((f"{len(major)} major flag(s) are open:", "bold")))
        rows += [line_of(flag, None) for flag in major[:5]]
    left_out = sum(isinstance(f, Omission) for f in steps.open_findings(session))
    if left_out:
        rows.append(literal(f"{left_out} fact(s) of the note are listed as left out."))
    rows.append(literal("You sign that you have read this text against the note."))
    return lines(rows)
