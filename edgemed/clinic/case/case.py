"""A case: a session with its documents, audit log and file; the rules of screen and line mode.

Each verb does all of what it says, or raises and leaves the case as it was:

- what a person decides is logged first, and is not done where the log refuses (`NotLogged`);
- a finished draft is kept even where the log refuses its row, which is written later;
- work that is neither saved nor exported is never lost without asking (`Unsaved`), nor is an
  unsaved note that was pasted or typed, which may exist nowhere else; the answer, `lose`, must be
  the `at_stake` that was asked about;
- a draft that was stopped, or that the engine broke off, replaces no other text;
- a new draft is a new document: it replaces no text, and a signed text never changes;
- every text must be checked in its present form (`unchecked`);
- a new draft follows the template that was chosen, or that of the saved draft that was opened;
- what prevents a step is said before the user is asked anything: `may_draft`, `may_sign` etc.

Knows no screen and prints nothing. One thread at a time may use it.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edgemed_models.answer import Answer

from edgemed.clinic.case import export, history, sessions, signing
from edgemed.clinic.case import session as steps
from edgemed.clinic.case.document import Origin, with_line
from edgemed.clinic.case.drafting import Draft, Ended, as_lines, template_of
from edgemed.clinic.case.history import NOBODY
from edgemed.clinic.case.kept import AtStake, SafeDocuments, Unsaved
from edgemed.clinic.case.session import Finding, Session
from edgemed.clinic.findings import Omission, Review
from edgemed.clinic.summarizing.template import Template
from edgemed.clinic.summarizing.template_files import load_packaged
from edgemed.errors import EdgemedError, Refused
from edgemed.logs import seals
from edgemed.logs.audit import now
from edgemed.logs.audit_files import LogFiles
from edgemed.logs.ledger import Ledger, Write

SAVED_APART = "another window has saved {0.name} in the meantime, so this session is saved as {1}"


class NotLogged(EdgemedError):
    """The audit log refuses, so nothing was done; the same call may be made again."""


class Case:
    """One note on its way to a signed summary."""

    def __init__(self, place: LogFiles, folder: Path, clock: Callable[[], str] = now) -> None:
        """`place` of the audit log, `folder` of saved sessions, `clock` in ISO 8601."""
        self.session = Session()
        self.saved_as: Path | None = None
        self.apart = ""  # that the last saving made a new file, and why; empty if it did not
        self.lock: sessions.Lock | None = None
        self.who = NOBODY
        self.ledger = Ledger(place)
        self.folder, self.clock = folder, clock
        self.draft: Draft | None = None
        self.template: Template | None = None  # of the next draft
        self._kept = SafeDocuments()  # saved or exported
        self._in_file = SafeDocuments()
        self._only_here = False  # the note was pasted or typed, and is not saved

    @property
    def shown(self) -> Session:
        """The session to show: while a draft is being written, only the note."""
        return replace(self.session, number=0) if self.draft else self.session

    @property
    def signer(self) -> str:
        """Who signed last in this sitting; empty if nobody did."""
        return "" if self.who == NOBODY else self.who

    def forget_signer(self) -> None:
        """Another person may be at the keyboard now: no name is used until somebody signs."""
        self.who = NOBODY

    @property
    def at_stake(self) -> AtStake | None:
        """What ending now, or opening another note, would lose; None if nothing."""
        note = self.session.source if self._only_here else ""
        at_stake = AtStake(self._kept.lacks(self.session.documents), self.draft, note)
        return at_stake if any(at_stake) else None

    @property
    def unchecked(self) -> bool:
        """Whether there is a text that has not been checked in its present form."""
        return steps.stage(self.session) == "draft" and bool(self.session.text.strip())

    def may_open(self, text: str) -> None:
        """Raises if `text` cannot be a note, even if unsaved work is given up for it."""
        steps.opened(text)

    def open(self, text: str, *, typed: bool = False, lose: AtStake | None = None) -> None:
        """Start over with the note `text`. `typed`: it was pasted or typed, so it is in no file
        until it is saved. Refused if it is empty."""
        session = steps.opened(text)
        self._may_lose(lose)
        self._begin(session, None)
        self._only_here = typed

    def open_sample(self, text: str, learned: str = "", *, lose: AtStake | None = None) -> None:
        """Start over with a sample note; `learned`: the one template that the model has learned,
        which is then chosen; empty for a model that follows any template."""
        template = load_packaged(learned) if learned else self.template
        self.open(text, lose=lose)
        self.template = template

    def open_saved(self, path: Path, passphrase: str, *, lose: AtStake | None = None) -> None:
        """Continue a saved session; it is saved again to its own file with its own lock.

        The template of its draft is chosen if it still exists."""
        session, lock = sessions.load(path, passphrase)
        self._may_lose(lose)
        self._begin(session, path)
        self._all_in_file()
        self.lock, self.template = lock, template_of(session) or self.template

    def turn_to(self, number: int) -> None:
        """Open another document of the note."""
        self._at_rest()
        self.session = steps.turned_to(self.session, number)

    def may_add(self) -> None:
        """Raises if the open document cannot have an addendum."""
        self._at_rest()
        steps.addendum(self.session)

    def begin_addendum(self) -> None:
        """Begin an addendum to the open document, which must be signed."""
        self.may_add()
        self.session = steps.addendum(self.session, at=self.clock())

    def compared(self, number: int = 0) -> str:
        """What the open text is compared with: document `number`, or 0 for the model's draft."""
        if number:
            return steps.turned_to(self.session, number).text
        if not self.session.text:
            raise Refused("there is no text yet", "make a draft first")
        if self.session.origin is None:
            raise Refused("no model wrote this text", "compare it with another document")
        return self.session.ai_draft

    def may_draft(self) -> Template:
        """The template of the next draft. Raises if there can be none, whatever the model."""
        self._at_rest()
        if not self.session.source:
            raise Refused("there is no note", "open a note first")
        if self.template is None:
            raise Refused("no template is chosen", "choose a template first")
        return self.template

    def begin_draft(self) -> Draft:
        """Begin a draft. Nothing else changes until `end_draft`."""
        self.draft = Draft(self.may_draft())
        return self.draft

    def end_draft(self, draft: Draft, answer: Answer, origin: Origin) -> Ended:
        """End a draft. One that broke off becomes a document only if no text is open."""
        if draft is not self.draft:
            return Ended("another case")
        self.draft = None
        if not answer.text.strip():
            return Ended("nothing")
        if answer.ending in ("cancelled", "failed") and self.session.text.strip():
            return Ended("earlier text")
        text, faults = as_lines(draft.template, answer)
        at, cut = self.clock(), not answer.complete
        self.session = steps.drafted(self.session, origin, text, cut=cut, at=at)
        row = (self.session.source, text, answer, origin, self.who, at)
        owed = self.ledger.owe(lambda log: history.drafted(log, *row))
        return Ended("draft", faults + ((owed,) if owed else ()))

    def no_draft(self, draft: Draft) -> bool:
        """The draft produced nothing; false if its case was left in the meantime."""
        mine = draft is self.draft
        if mine:
            self.draft = None
        return mine

    def reviewed(self, text: str, review: Review) -> None:
        """`text` was checked; a check of any other text than the present one is dropped."""
        self.session = steps.reviewed(self.session, text, review)

    def edit(self, text: str) -> None:
        """The text is now `text`, and is to be checked again."""
        self._at_rest()
        self.session = steps.edited(self.session, text)

    def edit_line(self, number: int, words: str) -> None:
        """Replace line `number` of the text, from 1, by `words`; without words, delete it."""
        self.edit(with_line(self.session.text, number, words))

    def may_change(self) -> None:
        """Raises if the open document, and what was decided on it, cannot change."""
        self._at_rest()
        if self.session.signature is not None:
            raise steps.signed_already()

    def addition(self, omission: Omission) -> str:
        """The line to add at the end of the text for what was left out, marked for editing."""
        self.may_change()
        gap = "" if not self.session.text or self.session.text.endswith("\n") else "\n"
        return gap + steps.insertion(self.session, omission)

    def insert(self, omission: Omission) -> None:
        """Insert what was left out as the last line, marked for editing."""
        self.edit(self.session.text + self.addition(omission))

    def may_dismiss(self, finding: Finding) -> None:
        """Raises if nothing can be dismissed, whatever reason is given."""
        self.may_change()
        if steps.dismissal_of(self.session, finding) is not None:
            raise steps.dismissed_already()

    def dismiss(self, finding: Finding, reason: str, words: str = "") -> None:
        """Set a finding aside with one of `session.REASONS`."""
        at = self.clock()
        after = steps.dismissed(self.session, finding, reason, words, at=at)
        self._decide(after, lambda log: history.dismissed(log, after, finding, self.who, at))

    def restore(self, finding: Finding) -> None:
        """Undo a dismissal."""
        if steps.dismissal_of(self.session, finding) is None:
            raise Refused("that finding is not dismissed", "choose one that was dismissed")
        at, after = self.clock(), steps.restored(self.session, finding)
        self._decide(after, lambda log: history.restored(log, after, finding, self.who, at))

    def may_sign(self) -> None:
        """Raises if the text cannot be signed, whatever reason is typed."""
        self._at_rest()
        if (refusal := signing.why_not_signed(self.session)) is not None:
            raise refusal

    def sign(self, by: str, reason: str = "") -> None:
        """Sign the present text; after that it cannot change."""
        at = self.clock()
        after = signing.signed(self.session, by, at=at, reason=reason)
        self._decide(after, lambda log: history.signed(log, after, at))
        self.who = by.strip()

    def export(self, path: Path) -> None:
        """Write the signed text to a new file, in the format that its ending names."""
        self.may_give_out()
        export.write(self.session, path, lambda what: self._give_out(path.suffix, what))
        self._kept.keep(self.session.number, self.session.document)

    def copy_out(self, release: Callable[[str], None]) -> None:
        """Hand the signed text to `release`, the clipboard say."""
        self.may_give_out()
        self._give_out("clipboard", "export")
        release(self.session.text)

    def may_give_out(self) -> None:
        """Raises if the text may not leave the session."""
        self._at_rest()
        if (refusal := signing.why_not_given_out(self.session)) is not None:
            raise refusal

    def allow_copying(self, allowed: bool) -> None:
        """Log that signed text may, or may no longer, be copied; not done where the log refuses."""
        at, facts = self.clock(), {"clipboard": allowed}
        self._decide(self.session, lambda log: log.add("setting", self.who, at, facts))

    def call(self, label: str) -> None:
        """Name the session; the name is kept inside it, with the next saving."""
        self.session = replace(self.session, label=label)

    def may_save(self) -> None:
        """Raises if there is nothing to save, whatever the passphrase. Ask for one if `lock` is
        None."""
        if not self.session.source:
            raise Refused("there is nothing to save", "open a note first")

    def save(self, lock: sessions.Lock | None = None) -> Path:
        """Save, encrypted, to the session's own file or to a new one; `lock` is kept for later."""
        self.may_save()
        lock = lock or self.lock
        if lock is None:
            raise Refused(
                "no passphrase has been given yet", "save the session once with a passphrase"
            )
        before, self.apart = self.saved_as, ""
        if before is None:
            self.saved_as = sessions.save_new(self.folder, self.clock(), self.session, lock)
        else:
            self.saved_as = sessions.save(before, self.session, lock)
        self.lock = lock
        self._all_in_file()
        if before not in (None, self.saved_as):
            self.apart = SAVED_APART.format(before, self.saved_as)
        return self.saved_as

    def save_again(self) -> Path | None:
        """Save without asking, if a passphrase was given before; for when the terminal is lost."""
        return self.save() if self.lock and self.session.source else None

    def close(self) -> Path | None:
        """End the case. Saves it if it was saved before, and returns the file; Unsaved where work
        would still be lost."""
        documents = self.session.documents
        file_lacks = self.saved_as is not None and self._in_file.lacks(documents)
        saved = self.save_again() if file_lacks or self.at_stake else None
        self._may_lose(None)
        return saved

    def keep_seal(self, to: Path) -> Path:
        """Keep a seal of the audit log in the folder `to`; rows that are owed are written first."""
        self.ledger.settle()
        return seals.keep(self.ledger.place, to, self.who, self.clock())

    def reminder(self) -> str:
        """That a seal is due; empty if none is."""
        return seals.reminder(self.ledger.place, self.clock())

    def _begin(self, session: Session, path: Path | None) -> None:
        self.session, self._kept, self._in_file = session, SafeDocuments(), SafeDocuments()
        self.saved_as, self.draft, self.apart = path, None, ""
        self._only_here = False

    def _all_in_file(self) -> None:
        self._only_here = False
        for kept in (self._kept, self._in_file):
            kept.keep_all(self.session.documents)

    def _may_lose(self, lose: AtStake | None) -> None:
        at_stake = self.at_stake
        if at_stake is not None and at_stake != lose:
            raise Unsaved(at_stake.words, "save it, or sign and export it")

    def _at_rest(self) -> None:
        if self.draft is not None:
            raise Refused("a draft is being written", "wait until it ends, or stop it")

    def _decide(self, after: Session, row: Write) -> None:
        """Log a decision, then take it."""
        self._at_rest()
        try:
            self.ledger.write(row)
        except EdgemedError as error:
            raise NotLogged(error.message, error.hint) from error
        self.session = after

    def _give_out(self, way: str, what: str) -> None:
        session, at = self.session, self.clock()
        self._decide(session, lambda log: history.given_out(log, session, way, self.who, at, what))
