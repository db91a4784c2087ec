"""Finds a file by folders, by a few letters of its name or by its path."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.fuzzy import Matcher
from textual.screen import Screen
from textual.widgets import Input, OptionList

from edgemed.errors import EdgemedError, UsageError
from edgemed_tui.folders import WAITING, FolderReader, Listed, Listing, shown_path
from edgemed_tui.literal import Words, literal, one_line
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.typed import path_of

UP = "↑ .."
WIDEST = 44  # columns of names
ROOM = 50  # columns of a folder's path above the list
KEYS = "enter opens, tab completes, ⌫ goes up, escape closes"


class FilePicker(Picker[Path]):
    """The files of one folder; `extra` choices come above those of the first folder.

    What is typed narrows the list; with a slash in it, it is a path: the list shows its folder.
    """

    CSS_PATH = "picker.tcss"
    WIDEST = WIDEST
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete", id="files.complete", show=False, priority=True),
        Binding("backspace", "up", "Folder above", id="files.up", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        folder: Path,
        endings: Sequence[str],
        extra: Sequence[Choice[Path]] = (),
        empty: str = "",
        keys: str = KEYS,
    ) -> None:
        super().__init__(title, (), empty or "No file matches. Type a path, or go on with tab.")
        self._what, self._keys = title, keys
        self._first = self._folder = Path(folder).absolute()
        self._extra = list(extra)
        self._endings = tuple(endings)
        self._reader = FolderReader(endings, lambda: from_thread(self, self._arrived))
        self._words = ""
        self._folders: set[Path] = set()

    def on_mount(self) -> None:
        """Show the keys."""
        self.query_one("#picker").border_subtitle = literal(self._keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Backspace goes up a folder if there is no letter to delete."""
        if action == "up":
            return self.is_mounted and not self.query_one("#search", Input).value
        return super().check_action(action, parameters)

    def action_up(self) -> None:
        """The folder above."""
        self.enter(self._folder.parent)

    def action_complete(self) -> None:
        """Open the highlighted folder, or put the name of a file into the line."""
        self._catch_up()
        at = self.query_one(OptionList).highlighted
        if at is None or not self._shown:
            return
        path = self._shown[at].value
        if path in self._folders:
            self.enter(path)
        elif one_line(path.name) == path.name:
            self._fill(path.name if path.parent == self._folder else str(path))

    def enter(self, folder: Path) -> None:
        """Show another folder."""
        self._folder = folder
        self._reader.forget()
        self._fill("")
        self._narrow("")

    def choose(self, path: Path) -> None:
        """The answer; a subclass may look at the file first."""
        self.dismiss(path)

    def fit(self, matcher: Matcher, choice: Choice[Path]) -> float:
        """A file is found by its name only: the text beside it is the same for many."""
        return super().fit(matcher, choice if choice in self._extra else choice._replace(about=""))

    def take(self, chosen: Path) -> None:
        """A folder is opened, a file is the answer; a fully typed name wins over a row."""
        typed = self._typed_path()
        if typed is not None and self.query_one(OptionList).highlighted == 0 and typed.is_file():
            chosen = typed
        if chosen in self._folders:
            self.enter(chosen)
        else:
            self.choose(chosen)

    def take_typed(self, typed: str) -> None:
        """What matches no row is a path."""
        if not typed.strip():
            return
        try:
            path = self._folder / path_of(typed)
        except UsageError as error:
            self.refuse(error)
            return
        with suppress(OSError, ValueError):
            if path.is_dir():
                self.enter(path)
                return
        self.choose(path)

    @property
    def _line(self) -> str:
        return self.query_one("#search", Input).value

    def _fill(self, typed: str) -> None:
        line = self.query_one("#search", Input)
        line.value = typed
        line.cursor_position = len(typed)

    def _typed_path(self) -> Path | None:
        """The typed path; None if there is none, or if its folder does not answer."""
        if "/" not in self._line or self._words == WAITING:
            return None
        with suppress(EdgemedError):
            return self._folder / path_of(self._line)
        return None

    def _narrow(self, typed: str) -> None:
        """Show the folder that the typed path names, as far as its names match the rest."""
        head, part = split(typed)
        try:
            folder = self._folder / path_of(head) if head else self._folder
        except UsageError:
            folder = None
        listing = self._reader.of(folder) if folder else Listing()
        self._words = listing.words
        self._folders = {e.path for e in listing.entries if e.is_folder}
        up = folder is not None and not typed and folder.parent != folder
        if up and folder:
            self._folders.add(folder.parent)
        above = [Choice(UP, "the folder above", folder.parent)] if up and folder else []
        extra = self._extra if folder == self._first and not head else []
        self._choices = [*extra, *above, *choices(listing.entries, hidden=part.startswith("."))]
        self.query_one("#picker").border_title = literal(self._heading(folder))
        super()._narrow(part)
        self._narrowed_to = typed
        self._mark(above, extra)
        some = any(not entry.is_folder for entry in listing.entries)
        self._say(listing.words or ("" if some or typed else self._none_here()))

    def _heading(self, folder: Path | None) -> str:
        where = one_line(shown_path(folder, ROOM)) if folder else ""
        return f"{self._what}: {where}" if where else self._what

    def _mark(self, above: Sequence[object], extra: Sequence[object]) -> None:
        """The highlight is on the first file or folder, not on the folder above."""
        if above and not extra and len(self._shown) > 1:
            self.query_one(OptionList).highlighted = 1

    def _say(self, words: str) -> None:
        """The message about the folder, below the list."""
        if words:
            line = self.query_one("#empty", Words)
            line.say(words)
            line.display = True

    def _none_here(self) -> str:
        """The message that a folder has no file of the wanted kind."""
        kinds = ", ".join(self._endings)
        return f"No file of the kind {kinds} is in this folder: go into another, or type a path."

    def _arrived(self) -> None:
        """A folder was read that took long."""
        if self.is_attached:
            self._narrow(self._line)


def from_thread(screen: Screen[Any], act: Callable[[], None]) -> None:
    """Let the screen do something, if it and the app are still there."""
    with suppress(Exception):
        screen.app.call_from_thread(act)


def split(typed: str) -> tuple[str, str]:
    """The typed folder with its slash, and the rest, which is (part of) a name."""
    typed = typed.lstrip().lstrip("\"'") if "/" in typed else typed
    head, slash, part = typed.rpartition("/")
    return head + slash, part


def choices(entries: Sequence[Listed], *, hidden: bool) -> list[Choice[Path]]:
    """A row for each; names that begin with a full stop only if one was typed."""
    return [
        Choice(e.path.name + ("/" if e.is_folder else ""), e.about, e.path)
        for e in entries
        if hidden or not e.path.name.startswith(".")
    ]
