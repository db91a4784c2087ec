"""Where a file or folder is to be written: a line to type in, and the folders that it names."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Input, OptionList

from edgemed.errors import UsageError
from edgemed_tui.folders import FolderReader, Listed
from edgemed_tui.literal import Words, one_line, row
from edgemed_tui.remedies import remedy
from edgemed_tui.screens.dialogs import Dialog
from edgemed_tui.screens.files import UP, WIDEST, choices, from_thread, split
from edgemed_tui.screens.picker import Choice, column, drawn
from edgemed_tui.sentences import sentences
from edgemed_tui.typed import path_of

MOST_FOLDERS = 60  # folders listed for an output: others are found by their first letters
PAUSE = 0.2  # seconds without a letter after which they are listed again


class AskPath(Dialog[str]):
    """Where a file or folder will be; answers with a path whose ~ is resolved.

    Below the line are the folders inside the typed one: the arrows and enter open one, and the
    typed name is kept.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("tab", "complete", "Complete", id="path.complete", show=False, priority=True),
    ]

    def __init__(self, title: str, about: str, proposed: str, fault: str = "") -> None:
        """`fault`: why `proposed`, typed before, cannot be taken."""
        super().__init__(title, "enter confirms, ↑ ↓ a folder, tab completes, escape goes back")
        self._about, self._proposed, self._fault = about, proposed, fault
        self._shown: list[Path] = []
        self._listed: str | None = None
        self._late: Timer | None = None
        self._reader = FolderReader((), lambda: from_thread(self, self._arrived))

    def body(self) -> ComposeResult:
        """One line with a proposal, selected so that typing replaces it; and the folders there."""
        yield Words(self._about, classes="about")
        mark = not self._fault  # what cannot be taken is mended, not typed anew
        yield Input(self._proposed, id="path", compact=True, select_on_focus=mark)
        rows = OptionList(id="folders", markup=False, compact=True)
        rows.can_focus = False
        yield rows

    def on_mount(self) -> None:
        """The folders of the proposal."""
        self._list()
        if self._fault:
            self.fault(self._fault)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        """The list follows after a pause in typing."""
        if event.value != self._proposed:
            self.fault("")
        if self._late is not None:
            self._late.stop()
        self._late = self.set_timer(PAUSE, self._list)

    def action_move(self, by: int) -> None:
        """Move the highlight over the folders; above the first one it is in the line again."""
        self._list()
        rows = self.query_one(OptionList)
        at = (-1 if rows.highlighted is None else rows.highlighted) + by
        rows.highlighted = min(at, len(self._shown) - 1) if at >= 0 and self._shown else None

    def action_complete(self) -> None:
        """Open the highlighted folder, or the only one whose name begins like this."""
        self._list()
        at = self.query_one(OptionList).highlighted
        part = split(self.typed("path"))[1]
        begin = [p for p in self._shown if part and p.name.startswith(part)]
        if at is not None:
            self._go(self._shown[at])
        elif len(begin) == 1:
            self._fill(f"{begin[0]}/")

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._go(self._shown[event.option_index])

    @on(Input.Submitted)
    def _answer(self) -> None:
        if (at := self.query_one(OptionList).highlighted) is not None:
            self._go(self._shown[at])
            return
        if not self.typed("path").strip():
            return
        try:
            self.dismiss(str(path_of(self.typed("path"))))
        except UsageError as error:
            self.fault(sentences(f"{error.message}: {remedy(error.hint)}"))

    def _go(self, folder: Path) -> None:
        """Move the output to another folder, under the name that is in the line."""
        if one_line(str(folder)) != str(folder):
            self.fault(
                "The name of that folder has characters that cannot be typed: choose another."
            )
            return
        self._fill(f"{str(folder).rstrip('/')}/{split(self.typed('path'))[1]}")

    def _fill(self, typed: str) -> None:
        line = self.query_one("#path", Input)
        line.value = typed
        line.cursor_position = len(typed)
        self._list()

    def _list(self) -> None:
        """The folders inside the typed one; first those that begin like the typed name."""
        typed = self.typed("path")
        if typed == self._listed:
            return
        self._listed = typed
        head, part = split(typed)
        try:
            folder = Path.cwd() / path_of(head) if head else Path.cwd()
        except UsageError:
            return
        listing = self._reader.of(folder)
        inside = [e for e in listing.entries if e.is_folder and not e.path.name.startswith(".")]
        begin = [e for e in inside if part and e.path.name.startswith(part)]
        self._show(folder, (begin or inside)[:MOST_FOLDERS])
        if listing.words:
            self.fault(listing.words)

    def _show(self, folder: Path, inside: Sequence[Listed]) -> None:
        """The folder above, then those inside."""
        up = [Choice(UP, "the folder above", folder.parent)] if folder.parent != folder else []
        shown = [*up, *choices(inside, hidden=False)]
        rows = self.query_one(OptionList)
        rows.highlighted = None
        if [choice.value for choice in shown] == self._shown:
            return
        self._shown = [choice.value for choice in shown]
        rows.clear_options()
        width = column(shown, WIDEST)
        rows.add_options(row(drawn(choice, width)) for choice in shown)

    def _arrived(self) -> None:
        """A folder was read that took long."""
        if self.is_attached:
            self._listed = None
            self._list()
