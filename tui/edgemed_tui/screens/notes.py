"""Opens a note: a file found by some letters, a path, pasted or typed text, a saved session."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from edgemed.clinic.case import sessions
from edgemed.clinic.note import read_note
from edgemed.errors import EdgemedError
from edgemed_tui.folders import NOTES
from edgemed_tui.literal import literal
from edgemed_tui.screens.behind import Over
from edgemed_tui.screens.dialogs import AskPassphrase, Confirm
from edgemed_tui.screens.files import FilePicker
from edgemed_tui.screens.picker import Choice
from edgemed_tui.widgets.exact_area import ExactArea

MOST_NAMED = 50  # newest sessions whose names are looked for: each takes a tenth of a second
ONE_OF_THEM = "Sessions that this passphrase opens are shown with the names you gave them."
NONE_OF_THEM = "No session opens with that. Type the passphrase that saved it."
MOST = 500  # saved sessions listed
UNUSED = "This text is not saved yet: ctrl+g uses it as the note. If you continue, it is lost."
KEYS = "enter opens, ctrl+v pastes or types, ctrl+l names sessions, escape"


class NotePicker(FilePicker):
    """Saved sessions, then the notes of a folder; what is chosen is a session's path,
    the note of a file, or the text of one that was pasted or typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+v", "type_note", "Paste or type", id="notes.type", priority=True),
        Binding("ctrl+l", "names", "Names of sessions", id="notes.names", priority=True),
    ]

    def __init__(self, folder: Path, saved: Sequence[Path]) -> None:
        """`saved`: the files of saved sessions, newest first."""
        endings = (*NOTES, sessions.ENDING)
        rows = [Choice(path.stem, "saved session, encrypted", path) for path in saved[:MOST]]
        super().__init__("Open", folder, endings, rows, NO_FILES, KEYS)
        self._saved = saved[:MOST_NAMED]

    def action_type_note(self) -> None:
        """Open a page to paste or type on."""
        self.app.push_screen(TypeNote(), self._typed_note)

    @work
    async def action_names(self) -> None:
        """Show the names of the saved sessions that a passphrase opens; asks again until it opens
        one."""
        if not self._saved:
            self.refuse(EdgemedError("no session is saved yet", "ctrl+s saves the open one"))
        found: dict[Path, str] = {}
        about = ONE_OF_THEM
        while self._saved and not found:
            ask = AskPassphrase("Names of saved sessions", about, new=False)
            if (passphrase := await self.app.push_screen_wait(ask)) is None:
                return
            found = await asyncio.to_thread(sessions.labels, self._saved, passphrase)
            about = NONE_OF_THEM
        self._extra = [named(choice, found) for choice in self._extra]
        self._narrow(self.query_one("#search", Input).value)

    def choose(self, path: Path) -> None:
        """A saved session is handed on as its path, a file as its note."""
        if path.suffix == sessions.ENDING:
            self.dismiss(path)
            return
        try:
            self.dismiss(read_note(path))
        except EdgemedError as error:
            self.refuse(error)

    def _typed_note(self, text: str | None) -> None:
        if text is not None:
            self.dismiss(text)

    def on_paste(self, event: events.Paste) -> None:
        """More than one line pasted is a note, not a name."""
        if "\n" in event.text.strip():
            event.stop()
            self.dismiss(event.text)


class TypeNote(Over[str | None]):
    """A page to paste or type a note on."""

    CSS_PATH = "notes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="notes.back"),
        Binding("ctrl+g", "use", "Use this note", id="notes.use", priority=True),
    ]

    def compose(self) -> ComposeResult:
        """One text area."""
        with Vertical(id="page") as box:
            box.border_title = literal("Paste or type a note")
            box.border_subtitle = literal("ctrl+g uses it, escape goes back")
            yield PastePage(soft_wrap=True, show_line_numbers=True, max_checkpoints=20)

    def action_use(self) -> None:
        """The text is the note."""
        self.dismiss(self.query_one(PastePage).exact)

    @work
    async def action_leave(self) -> None:
        """Back, without the text; asks first if there is any."""
        if await self.may_close():
            self.dismiss(None)

    async def may_close(self) -> bool:
        """Whether nothing is on the page, or the user says that it may be lost."""
        if not self.query_one(PastePage).exact.strip():
            return True
        ask = Confirm("Unused note", UNUSED, "Discard it", "Go back")
        return bool(await self.app.push_screen_wait(ask))


class PastePage(ExactArea):
    """A text area that takes what is pasted literally."""

    def on_text_area_changed(self) -> None:
        """Follow what is typed, undone or cut."""
        self.follow()


def named(choice: Choice[Path], labels: dict[Path, str]) -> Choice[Path]:
    """The row of a session with its name, if that is known."""
    label = labels.get(Path(choice.value), "")
    return Choice(choice.title, f"{label}  (saved session)", choice.value) if label else choice


NO_FILES = "No note here matches. Go into a folder, type a path, or press ctrl+v to paste."
