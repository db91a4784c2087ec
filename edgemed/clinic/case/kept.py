"""Which documents are safe, and what would be lost otherwise."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from edgemed.clinic.case.document import Document
from edgemed.errors import Refused

TYPED = "was pasted or typed here and is not saved"


class Unsaved(Refused):
    """Continuing would lose work; the same call with `lose=case.at_stake` continues."""


class AtStake(NamedTuple):
    """What continuing would lose: documents by number in their present form, a running draft, and
    the text of a note that is in no file."""

    documents: tuple[tuple[int, Document], ...]
    draft: object | None
    note: str = ""

    @property
    def words(self) -> str:
        """What it is, for a question or a refusal."""
        if not self.documents and self.draft is None:
            return f"the note {TYPED}"
        return f"{self._texts}, and the note {TYPED}" if self.note else self._texts

    @property
    def _texts(self) -> str:
        if not self.documents:
            return "the draft that is being written is not finished"
        named = [f"{number} ({document.name})" for number, document in self.documents]
        if len(named) == 1:
            return f"document {named[0]} is neither saved nor exported"
        return f"documents {', '.join(named[:-1])} and {named[-1]} are neither saved nor exported"


class SafeDocuments:
    """The documents of a session as they were last saved or exported, by their numbers."""

    def __init__(self) -> None:
        self._safe: dict[int, Document] = {}

    def keep(self, number: int, document: Document) -> None:
        """This one is safe as it is."""
        self._safe[number] = work(document)

    def keep_all(self, documents: Sequence[Document]) -> None:
        """All of them are safe as they are."""
        for number, document in enumerate(documents, 1):
            self.keep(number, document)

    def lacks(self, documents: Sequence[Document]) -> tuple[tuple[int, Document], ...]:
        """The documents with a text that is not safe as it is."""
        return tuple(
            (number, work(document))
            for number, document in enumerate(documents, 1)
            if document.text and work(document) != self._safe.get(number)
        )


def work(document: Document) -> Document:
    """A document without what can be computed again: a check does not count as work to lose."""
    return replace(document, review=None)
