"""The documents of a note on the screen: open another, add to a signed one, compare two."""

from collections.abc import Callable

from edgemed.clinic.case.case import Case
from edgemed.clinic.case.document import Document
from edgemed.clinic.case.session import Session
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.deciding import Deciding
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.view import View


class Documents:
    """A case and the ways between its documents."""

    def __init__(self, case: Case, deciding: Deciding, view: View, check: Callable[[], None]):
        """`check` has the open text checked if that is still to be done."""
        self.case, self.deciding, self.view, self.check = case, deciding, view, check

    async def choose(self) -> None:
        """Open another document of the note."""
        choices = document_choices(self.case.session)
        number = await self.view.ask(
            Picker("Documents of this note", choices, marked=self.case.session.number)
        )
        if number is not None and self.deciding.does(lambda: self.case.turn_to(number)):
            self._turned()

    def add(self) -> None:
        """Begin an addendum to the signed text."""
        if self.deciding.does(self.case.begin_addendum):
            self._turned()
            self.view.panes.draft.action_edit()

    async def compare(self) -> None:
        """The model's draft, or another document, against the open text."""
        number = await self._compared_with()
        before: list[str] = []
        if number is None or not self.deciding.does(
            lambda: before.append(self.case.compared(number))
        ):
            return
        old = f"document {number}" if number else "the model's draft"
        await self.view.ask(CompareScreen(before[0], self.case.session.text, old))

    async def _compared_with(self) -> int | None:
        """Another document's number, 0 for the draft as the model wrote it; None to go back."""
        session = self.case.session
        others = document_choices(session, but=session.number)
        if not others:
            return 0
        own = [Choice("The model's draft", "as it wrote this document", 0)]
        return await self.view.ask(
            Picker("Compare with", [*(own if session.origin else []), *others])
        )

    def _turned(self) -> None:
        """Another document is open."""
        self.deciding.forget()
        self.view.tell("")
        self.view.show()
        self.view.panes.draft.focus()
        self.check()


def document_choices(session: Session, *, but: int = 0) -> list[Choice[int]]:
    """The documents of a note by their numbers, without number `but`."""

    def here(number: int) -> str:
        return "open now, " if number == session.number else ""

    return [
        Choice(f"{number}  {document.name}", about_document(document, here(number)), number)
        for number, document in enumerate(session.documents, 1)
        if number != but
    ]


def about_document(document: Document, here: str = "") -> str:
    """How far it is, and by which model it was written."""
    return f"{here}{document.state}{f', {document.origin.model}' if document.origin else ''}"
