"""Open a note: a file found by a few letters, a path, text pasted or typed, or a saved session."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from edgemed.clinic import sessions
from edgemed.clinic.note import read_note
from edgemed.errors import EdgemedError, UsageError
from edgemed_tui.literal import literal
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.typed import path_of
from edgemed_tui.widgets.exact_area import ExactArea

ENDINGS = (".txt", ".md", ".text", ".note")
MOST = 500  # files listed; a path can be typed for any other


class NotePicker(Picker[Path | str]):
    """Files of the folder and saved sessions; what is typed may also be a path."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+v", "type_note", "Paste or type", id="notes.type", priority=True)
    ]

    def __init__(self, folder: Path, saved: Path) -> None:
        super().__init__("Open a note", [*saved_sessions(saved), *note_files(folder)], NO_FILES)
        self._folder = folder

    def on_mount(self) -> None:
        """Say how to paste."""
        self.query_one("#picker").border_subtitle = literal(
            "enter opens, ctrl+v pastes or types a note, escape closes"
        )

    def action_type_note(self) -> None:
        """Go on with a page to paste or type on."""
        self.app.push_screen(TypeNote(), self._typed_note)

    def take(self, chosen: Path | str) -> None:
        """A saved session is handed on as its path, a note as its text."""
        path = Path(chosen)
        if path.suffix == sessions.ENDING:
            self.dismiss(path)
            return
        try:
            self.dismiss(read_note(path).text)
        except EdgemedError as error:
            self.refuse(error)

    def take_typed(self, typed: str) -> None:
        """What was typed and matches no row may be a path."""
        if not typed.strip():
            return
        try:
            self.take(self._folder / path_of(typed))
        except UsageError as error:
            self.refuse(error)

    def _typed_note(self, text: str | None) -> None:
        if text is not None:
            self.dismiss(text)

    def on_paste(self, event: events.Paste) -> None:
        """More than one line pasted is a note, not a name."""
        if "\n" in event.text.strip():
            event.stop()
            self.dismiss(event.text)


class TypeNote(ModalScreen[str | None]):
    """A page to paste or type a note on."""

    CSS_PATH = "notes.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="notes.back"),
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


class PastePage(ExactArea):
    """A text area that takes what is pasted literally."""

    def on_text_area_changed(self) -> None:
        """Follow what is typed, undone or cut."""
        self.follow()


def note_files(folder: Path) -> Sequence[Choice[Path | str]]:
    """Text files of `folder`, newest first."""
    try:
        found = list(folder.iterdir())
    except OSError:
        return []
    seen = [(p, state) for p in found if (state := _state(p)) is not None]
    seen.sort(key=lambda pair: -pair[1].st_mtime)
    return [Choice(p.name, f"{state.st_size:,} bytes", p) for p, state in seen[:MOST]]


def _state(path: Path) -> os.stat_result | None:
    """Size and time of a text file; None for anything else, and for what is just gone."""
    if path.suffix.lower() not in ENDINGS:
        return None
    try:
        state = path.stat()
    except OSError:
        return None
    return state if stat.S_ISREG(state.st_mode) else None


def saved_sessions(folder: Path) -> Sequence[Choice[Path | str]]:
    """Saved sessions, newest first."""
    found = sessions.saved_in(folder)
    return [Choice(p.stem, "saved session, encrypted", p) for p in found[:MOST]]


NO_FILES = "No file matches. Type a path, or press ctrl+v to paste or type the note."
