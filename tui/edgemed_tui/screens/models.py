"""The models screen: what is here, whether it fits this machine; add, remove, make the default."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from edgemed_models.engine.fit import explain
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList

from edgemed import library
from edgemed.errors import EdgemedError
from edgemed.gguf import open_model
from edgemed.gguf.description import Description, describe
from edgemed.loading import Options, plan_model
from edgemed.sizes import show_size
from edgemed_tui.crash import place_of
from edgemed_tui.literal import Words, literal, row
from edgemed_tui.screens.dialogs import AskPath, Confirm
from edgemed_tui.widgets.keys_line import KeysLine

EMPTY = "No model is here yet. Press a and name a GGUF file, on a stick for example."
ADD = "The file is checked, then copied into edgemed's own folder."


class ModelsScreen(Screen[None]):
    """Models left, the highlighted one's facts right."""

    CSS_PATH = "models.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add", id="models.add"),
        Binding("u", "use", "Use by default", id="models.use"),
        Binding("r", "remove", "Remove", id="models.remove"),
        Binding("escape", "dismiss(None)", "Back", id="models.close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.library = library.Library()

    def compose(self) -> ComposeResult:
        """A list and a pane of facts."""
        yield Words(literal((" edgemed ", "bold"), "  models"), id="head")
        with Horizontal():
            listing = OptionList(id="models", markup=False)
            listing.border_title = literal("Models")
            yield listing
            with VerticalScroll(id="facts") as facts:
                facts.border_title = literal("On this machine")
                yield Words(EMPTY, id="about")
        yield Words(id="said")
        yield KeysLine()

    def on_mount(self) -> None:
        """Read the list."""
        self.reload()

    def reload(self) -> None:
        """List what is here, the default marked."""
        try:
            self.library = library.read_library()
        except EdgemedError as error:
            self.say(f"! {error.message} ({error.hint})")
        rows = self.query_one("#models", OptionList)
        rows.clear_options()
        for entry in self.library.entries:
            default = "● " if entry.name == self.library.default else "  "
            rows.add_option(row(literal(default, (entry.name, "bold"), f"  {entry.licence}")))
        if self.library.entries:
            rows.highlighted = 0
        else:
            self.query_one("#about", Words).say(EMPTY)

    def say(self, words: str) -> None:
        """The line above the keys."""
        self.query_one("#said", Words).say(words)

    @property
    def current(self) -> library.Entry | None:
        """The highlighted model."""
        at = self.query_one("#models", OptionList).highlighted
        return self.library.entries[at] if at is not None and self.library.entries else None

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        if self.current is not None:
            self.query_one("#about", Words).say("reading the file …")
            self._look(self.current)

    @work(thread=True, exclusive=True, group="facts", exit_on_error=False)
    def _look(self, entry: library.Entry) -> None:
        lines = told(lambda: facts(entry))
        self.app.call_from_thread(self.query_one("#about", Words).say, lines)

    @work
    async def action_add(self) -> None:
        """Copy a model in."""
        answer = await self.app.push_screen_wait(AskPath("Add a model", ADD, f"{Path.home()}/"))
        if answer is not None:
            self._copy(Path(answer).expanduser())

    @work(thread=True, group="copy", exit_on_error=False)
    def _copy(self, path: Path) -> None:
        done = 0

        def progress(nbytes: int) -> None:
            nonlocal done
            done += nbytes
            self.app.call_from_thread(self.say, f"copied {show_size(done)}")

        words = told(lambda: f"added {library.add(path, None, False, progress).name}")
        self.app.call_from_thread(self.say, words)
        self.app.call_from_thread(self.reload)

    def action_use(self) -> None:
        """Make the highlighted model the default."""
        if (entry := self.current) is not None:
            self.say(told(lambda: make_default(entry)))
            self.reload()

    @work
    async def action_remove(self) -> None:
        """Take a model off the list; its file goes if it is edgemed's own copy."""
        entry = self.current
        if entry is None:
            return
        words = "Its file is deleted." if entry.own else "Its file stays where it is."
        ask = Confirm(f"Remove {entry.name}", words, "Remove it", "Keep it")
        answer: bool | None = await self.app.push_screen_wait(ask)
        if answer:
            self.say(told(lambda: f"removed {library.remove(entry.name).name}"))
            self.reload()


def make_default(entry: library.Entry) -> str:
    """Use `entry` when no model is named."""
    library.set_default(entry.name)
    return f"{entry.name} is the default"


def told(act: Callable[[], str]) -> str:
    """What `act` says, or why it failed, with the remedy."""
    try:
        return act()
    except EdgemedError as error:
        return f"! {error.message}\n  {error.hint}"
    except Exception as error:  # the outermost edge of a thread
        return f"! {place_of(error)}"


def facts(entry: library.Entry) -> str:
    """What the file holds, and the arithmetic of its fit."""
    model = open_model(Path(entry.path))
    rows = [entry.path, f"sha256 {entry.sha256}", f"licence: {entry.licence}", ""]
    rows += [*figures(describe(model)), "", "Memory, for as much text as there is room for:"]
    return "\n".join([*rows, *explain(plan_model(model, Options()))])


def figures(found: Description) -> list[str]:
    """The figures a person asks for first."""
    types = ", ".join(f"{name} {show_size(share.nbytes)}" for name, share in found.types.items())
    return [
        f"{found.architecture}, {found.weights / 1e6:,.0f} M weights, {show_size(found.nbytes)}",
        f"{found.bits_per_weight:.2f} bits a weight: {types}",
        f"trained on {found.context_length or 'an unstated number of'} tokens",
        f"chat template: {'yes' if found.chat_template else 'none in the file'}",
    ]
