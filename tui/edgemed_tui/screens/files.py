"""Find a file by folders, by a few letters of its name or by its path; or say where one goes."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.fuzzy import Matcher
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, OptionList

from edgemed.errors import EdgemedError, UsageError
from edgemed_tui.folders import WAITING, FolderReader, Listed, Listing, shown_path
from edgemed_tui.literal import Words, literal, one_line, row
from edgemed_tui.remedies import remedy
from edgemed_tui.screens.dialogs import Dialog
from edgemed_tui.screens.picker import Choice, Picker, column, drawn
from edgemed_tui.sentences import sentences
from edgemed_tui.typed import path_of

UP = "↑ .."
MOST_FOLDERS = 60  # that are listed where a file goes: others are found by their first letters
PAUSE = 0.2  # seconds without a letter after which they are listed again
WIDEST = 44  # columns of names
ROOM = 50  # columns of a folder's path above the list
KEYS = "enter opens, tab completes, ⌫ goes up, escape closes"


class FilePicker(Picker[Path]):
    """The files of one folder; `extra` choices stand above those of the first folder.

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
        """Say which keys there are."""
        self.query_one("#picker").border_subtitle = literal(self._keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Backspace goes up a folder where there is no letter to take back."""
        if action == "up":
            return self.is_mounted and not self.query_one("#search", Input).value
        return super().check_action(action, parameters)

    def action_up(self) -> None:
        """The folder above."""
        self.enter(self._folder.parent)

    def action_complete(self) -> None:
        """Go into the folder under the mark, or put the name of a file into the line."""
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
        """A file is found by its name; what stands beside it is the same for many."""
        return super().fit(matcher, choice if choice in self._extra else choice._replace(about=""))

    def take(self, chosen: Path) -> None:
        """A folder is gone into, a file is the answer; what is typed in full goes before a row."""
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
        """The path that is typed; None where there is none, or where its folder does not answer."""
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
        """The mark stands on the first file or folder, not on the way up."""
        if above and not extra and len(self._shown) > 1:
            self.query_one(OptionList).highlighted = 1

    def _say(self, words: str) -> None:
        """What must be said of the folder, below the list."""
        if words:
            line = self.query_one("#empty", Words)
            line.say(words)
            line.display = True

    def _none_here(self) -> str:
        """That a folder has no file of the kind that is looked for."""
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


class AskPath(Dialog[str]):
    """Where a file or folder is to be; answers with a path whose ~ is resolved.

    Below the line the folders are listed of the one that it names: the arrows and enter go into
    one, and the name that was typed goes along.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("tab", "complete", "Complete", id="path.complete", show=False, priority=True),
    ]

    def __init__(self, title: str, about: str, proposed: str, fault: str = "") -> None:
        """`fault`: why `proposed`, typed before, would not do."""
        super().__init__(title, "enter confirms, ↑ ↓ a folder, tab completes, escape goes back")
        self._about, self._proposed, self._fault = about, proposed, fault
        self._shown: list[Path] = []
        self._listed: str | None = None
        self._late: Timer | None = None
        self._reader = FolderReader((), lambda: from_thread(self, self._arrived))

    def body(self) -> ComposeResult:
        """One line with a proposal, marked so that typing replaces it; and the folders there."""
        yield Words(self._about, classes="about")
        mark = not self._fault  # what will not do is mended, not typed anew
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
        """Move the mark over the folders; above the first one it is in the line again."""
        self._list()
        rows = self.query_one(OptionList)
        at = (-1 if rows.highlighted is None else rows.highlighted) + by
        rows.highlighted = min(at, len(self._shown) - 1) if at >= 0 and self._shown else None

    def action_complete(self) -> None:
        """Go into the folder under the mark, or the only one whose name begins like this."""
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
        """The file goes into another folder, under the name that is in the line."""
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
        """The folders of the one that the line names; first those that begin like its end."""
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


def split(typed: str) -> tuple[str, str]:
    """The folder that is typed, with its slash, and the rest, which is (part of) a name."""
    typed = typed.lstrip().lstrip("\"'") if "/" in typed else typed
    head, slash, part = typed.rpartition("/")
    return head + slash, part


def choices(entries: Sequence[Listed], *, hidden: bool) -> list[Choice[Path]]:
    """A row for each; names that begin with a full stop only where they are looked for."""
    return [
        Choice(e.path.name + ("/" if e.is_folder else ""), e.about, e.path)
        for e in entries
        if hidden or not e.path.name.startswith(".")
    ]
