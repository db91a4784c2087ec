"""What a clinician decides about a case: asked for here, carried out by the case.

Dismiss, sign, export, copy, save, keep a seal: each asks what it needs to know, calls the case,
and says how it went. The rules are in `edgemed.clinic.case.case`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from textual.content import Content

from edgemed.amounts import amount
from edgemed.clinic.case import export, sessions, signing
from edgemed.clinic.case import session as steps
from edgemed.clinic.case.case import Case
from edgemed.clinic.case.document import minute
from edgemed.clinic.case.kept import AtStake, Unsaved
from edgemed.clinic.case.session import Finding, Session
from edgemed.clinic.findings import Omission
from edgemed.clinic.reviewing.counting import counted
from edgemed.errors import EdgemedError
from edgemed.logs import seals
from edgemed_tui.clipboard import COPYING
from edgemed_tui.literal import lines, literal, one_line
from edgemed_tui.remedies import remedy
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.dialogs import (
    AskName,
    AskPassphrase,
    AskReason,
    AskSignature,
    AskUnsaved,
    Attest,
    Confirm,
)
from edgemed_tui.screens.view import Owner, View
from edgemed_tui.sentences import capital, sentences
from edgemed_tui.widgets.findings_list import line_of

SAVING = """The session is encrypted with this passphrase. Nobody can read it without it, and
nobody can give the passphrase back. It also unlocks the screen."""

NAMING = """It is kept inside the session, encrypted. In the list of notes and sessions (ctrl+n),
ctrl+l and your passphrase show the names."""

WHY_A_SEAL = "without one nobody notices if the log is replaced by an older copy"
FORBIDS = "The palette (ctrl+p) forbids it again."
FOR_GOOD = "After that the text can no longer change."
SIGNED = "signed for good; x exports it, z keeps a seal"


class Given(NamedTuple):
    """What the user has given up, and nothing else; None if nothing was at stake."""

    up: AtStake | None


class Deciding:
    """Asks for decisions and has the case carry them out."""

    def __init__(self, case: Case, owner: Owner, view: View) -> None:
        self.case, self.owner, self.view = case, owner, view
        self.forget()

    def forget(self) -> None:
        """There is another text: forget what was typed for the last one."""
        self._own_words = ""
        self._attested: Attest | None = None  # typed for a signature that could not be logged

    def does(self, step: Callable[[], object]) -> bool:
        """Take a step of the case; false if it refuses, with a message."""
        try:
            step()
        except EdgemedError as error:
            self.view.complain(error)
            return False
        self.view.show()
        return True

    async def lose(self) -> Given | None:
        """What the user gives up to go on; None to go back."""
        if (at_stake := self.case.at_stake) is None:
            return Given(None)
        words = sentences(capital(at_stake.words), "If you go on, that is lost.")
        answer = await self.view.ask(AskUnsaved(words, can_save=at_stake.draft is None))
        if answer == "save":
            await self.save()
            return Given(None) if self.case.at_stake is None else None
        return Given(at_stake) if answer == "lose" else None

    async def open_saved(self, path: Path, *, lose: AtStake | None) -> bool:
        """Ask for the passphrase of a saved session until it fits; returns whether it is open."""
        about = sentences(f"Saved as {path.stem}")
        while (passphrase := await self._passphrase_of(about)) is not None:
            try:
                self.case.open_saved(path, passphrase, lose=lose)
            except sessions.WrongPassphrase as error:
                about = sentences(f"Saved as {path.stem}", capital(error.message), "Type it again")
                continue
            except EdgemedError as error:
                self.view.complain(error)
                return False
            self.view.show()
            return True
        return False

    async def _passphrase_of(self, about: str) -> str | None:
        return await self.view.ask(AskPassphrase("Open a saved session", about, new=False))

    def insert(self, omission: Omission) -> None:
        """Insert what was left out, as an edit that can be undone like any other."""
        line: list[str] = []
        if self.does(lambda: line.append(self.case.addition(omission))):
            self.view.panes.draft.append(line[0])

    async def settle(self, finding: Finding) -> None:
        """Dismiss `finding` with a reason, or take its dismissal back."""
        if not self.does(self.case.may_change):
            return
        if steps.dismissal_of(self.case.session, finding) is not None:
            self.does(lambda: self.case.restore(finding))
            return
        dialog = AskReason(line_of(finding, None), steps.REASONS, self._own_words)
        answer = await self.view.ask(dialog)
        if answer is not None:
            done = self.does(lambda: self.case.dismiss(finding, *answer))
            self._own_words = "" if done else answer.words  # need not be typed again

    async def sign(self) -> None:
        """Ask for name and reason, then sign."""
        if not self.does(self.case.may_sign):
            return
        session, typed = self.case.session, self._attested
        dialog = AskSignature(
            what_is_signed(session),
            typed.by if typed else self.case.signer,
            reason_needed=signing.needs_reason(session),
            reason=typed.reason if typed else "",
        )
        answer = await self.view.ask(dialog)
        if answer is None:
            return
        self._attested = answer  # need not be typed again
        if not await self.view.ask(sure_of(answer, session)):
            return
        if not self.does(lambda: self.case.sign(answer.by, answer.reason)):
            return
        self._attested = None
        self.view.tell(SIGNED)
        if due := self.case.reminder():
            self.view.complain(EdgemedError(due, f"z keeps one: {WHY_A_SEAL}"))

    async def keep_seal(self) -> None:
        """Ask for a folder, on a stick say, and keep a seal of the audit log there."""
        about = f"A folder, on a stick or in another place: {WHY_A_SEAL}"
        kept: list[Path] = []

        def keep(folder: Path) -> None:
            kept.append(self.case.keep_seal(folder))

        if await self._until_done(keep, "Keep a seal", about, seals.proposed()):
            here = seals.on_this_disk(self.case.ledger.place, kept[0])
            more = "; this is the log's own disk: copy it to a stick" if here else ""
            self.view.tell(f"seal kept{more}")

    async def export(self) -> None:
        """Ask for a file name and write the signed text."""
        if not self.does(self.case.may_give_out):
            return
        day = self.case.clock()[:10]
        about = f"The ending chooses the format: {', '.join(export.FORMATS)}"
        proposed = str(Path.home() / f"summary-{day}.txt")
        if path := await self._until_done(self.case.export, "Export", about, proposed):
            self.view.tell(f"exported to {one_line(path)}")

    async def _until_done(
        self, step: Callable[[Path], object], title: str, about: str, path: str
    ) -> str:
        """Ask for a path, proposing `path`, until `step` takes one; that one, or nothing. One that
        will not do need not be typed again."""
        fault = ""
        while True:
            answer: str | None = await self.view.ask(AskPath(title, about, path, fault))
            if answer is None:
                return ""
            try:
                step(Path(answer))
            except EdgemedError as error:
                path, fault = answer, sentences(capital(error.message), capital(remedy(error.hint)))
                continue
            self.view.show()
            return answer

    async def copy(self) -> None:
        """Put the signed text on the clipboard; the first time ask whether that may be done."""
        if not self.does(self.case.may_give_out):
            return
        if not self.owner.settings.clipboard:
            words = f"{' '.join(COPYING.split())} {FORBIDS}"
            ask = Confirm("Allow copying?", words, "Allow it from now on, and copy", "Go back")
            if not await self.view.ask(ask):
                return
            self.owner.action_clipboard()
        if not self.owner.settings.clipboard:  # the log refuses, and a message said so
            return
        if self.does(lambda: self.case.copy_out(self.owner.release)):
            self.view.tell("copied to the clipboard")

    async def save(self) -> None:
        """Save the session, encrypted; the first time in a run asks for a passphrase."""
        passphrase: str | None = None
        if not self.does(self.case.may_save):
            return
        if self.case.lock is None:
            ask = AskPassphrase("Save, encrypted", " ".join(SAVING.split()), new=True)
            passphrase = await self.view.ask(ask)
            if passphrase is None:
                return
        if self.does(
            lambda: self.case.save(sessions.make_lock(passphrase) if passphrase else None)
        ):
            self.view.tell("saved, encrypted; from now on also when the terminal is lost")
            if self.case.apart:
                self.view.complain(
                    EdgemedError(self.case.apart, "open both files, and keep the right text")
                )

    async def name(self) -> None:
        """Ask what the session is called in the list of sessions; empty: by its time alone."""
        ask = AskName("Name this session", " ".join(NAMING.split()), self.case.session.label)
        answer = await self.view.ask(ask)
        if answer is not None:
            self.case.call(answer)
            await self.save()

    async def may_close(self) -> bool:
        """Whether the case may end: it is kept, or the user says that it may be lost."""
        try:
            self.case.close()
        except Unsaved:
            return await self.lose() is not None
        except EdgemedError as error:  # it could not be saved; that must not prevent leaving
            self.view.complain(error)
            return await self.lose() is not None
        return True


LISTED, ROW = 3, 64  # open findings above a signature; columns of each in the narrowest dialog


def sure_of(answer: Attest, session: Session) -> Confirm:
    """The last question before a signature, with the name and what is signed."""
    name, count = one_line(answer.by.strip()), len(session.text.splitlines())
    words = f"{name} signs {amount(count, 'line')}, {one_line(made_of(session))}"
    reason = one_line(answer.reason.strip())
    reason = f"Signed anyway because: {reason}" if reason else ""
    said = sentences(words, signing.staying_open(session), reason, FOR_GOOD)
    return Confirm("Sign it?", said, f"Sign as {name}", "Go back")


def made_of(session: Session) -> str:
    """What the open text is: by which model with which template, or an addendum to what."""
    origin, base = session.origin, steps.added_to(session)
    if base is not None and base.signature is not None:
        return f"an addendum to what {base.signature.by} signed, {minute(base.signature.at)}"
    return f"drafted by {origin.model} with {origin.template}" if origin else "typed"


def what_is_signed(session: Session) -> Content:
    """The words above a signature: what made the draft, what is still open."""
    count = len(session.text.splitlines())
    rows = [literal(sentences(f"{amount(count, 'line')}, {one_line(made_of(session))}"))]
    if session.cut:
        rows.append(literal(("The model's draft was cut before its end.", "bold")))
    if said := signing.above_draft(session):
        rows.append(literal((said, "bold")))
    if still_open := steps.open_findings(session):
        rows.append(literal((sentences(f"Still open: {counted(still_open).words}"), "bold")))
        major = [f for f in steps.major_open(session) if not said or f.reason != said]
        rows += [line_of(finding, None).truncate(ROW, ellipsis=True) for finding in major[:LISTED]]
        if major[LISTED:]:
            rows.append(literal(f"and {len(major) - LISTED} more major"))
    rows.append(literal("You sign that you have read this text against the note."))
    return lines(rows)
