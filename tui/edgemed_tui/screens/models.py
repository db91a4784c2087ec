"""The models screen: what is here, whether it fits, how fast it runs; add, tune, remove."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList

from edgemed.adapters.naming import use_of
from edgemed.amounts import amount
from edgemed.errors import EdgemedError
from edgemed.local_models import adding, beside, library, tuning
from edgemed.local_models.sticks import models_on_media
from edgemed.local_models.tuned import Speed
from edgemed.storage.sizes import show_size
from edgemed_tui.crash import place_of
from edgemed_tui.folders import folder_with
from edgemed_tui.literal import Words, literal, one_line, row
from edgemed_tui.remedies import complaint, remedy
from edgemed_tui.screens.dialogs import AskName, Confirm
from edgemed_tui.screens.files import FilePicker
from edgemed_tui.screens.inspect import InspectScreen
from edgemed_tui.screens.model_facts import facts
from edgemed_tui.screens.picker import Choice
from edgemed_tui.typed import path_of
from edgemed_tui.widgets.keys_line import KeysLine

EMPTY = """No model of yours is here yet. Press a: GGUF files on a stick come first, any other is
found by folder or path. The demonstration model comes with edgemed and is not listed here."""
NO_FILES = """No model here matches. Go into a folder, or type a path: the file is checked, then
copied into edgemed's own folder."""


ADAPTER = """The path of a LoRA adapter: a GGUF file or a PEFT folder. With :0.5 after it, it has
half its strength. It is tried first. Leave the line empty to run the model without one."""


class ModelsScreen(Screen[None]):
    """Models left, the highlighted one's facts right."""

    CSS_PATH = "models.tcss"
    HELP = """## Models

At the right: facts about the highlighted model, and how its memory adds up.

- `a` adds a model: files on a stick come first, any other is found by folder or path
- `t` tries which number of threads and which batch run it fastest here, and keeps them
- `l` keeps a LoRA adapter with it, which runs beside it wherever it is used
- `i` shows everything in its header, `u` uses it by default, `r` removes it"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add", id="models.add"),
        Binding("u", "use", "Use by default", id="models.use"),
        Binding("t", "tune", "Tune", id="models.tune"),
        Binding("l", "adapter", "Adapter", id="models.adapter"),
        Binding("i", "inspect", "Inspect", id="models.inspect"),
        Binding("r", "remove", "Remove", id="models.remove"),
        Binding("escape", "leave", "Stop or back", id="models.close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.library = library.Library()
        self.tuning = False
        self._unkept: dict[str, str] = {}  # adapters that were typed, and would not do
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        """A list and a pane of facts."""
        yield Words(literal((" edgemed ", "bold"), "  models"), id="head")
        with Horizontal():
            listing = OptionList(id="models", markup=False)
            listing.border_title = literal("Models")
            yield listing
            with VerticalScroll(id="facts") as facts:
                facts.border_title = literal("On this machine")
                yield Words(" ".join(EMPTY.split()), id="about")
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
            self.say(f"! {error.message} ({remedy(error.hint)})")
        rows = self.query_one("#models", OptionList)
        at = rows.highlighted or 0
        rows.clear_options()
        width = max((len(one_line(entry.name)) for entry in self.library.entries), default=0)
        for entry in self.library.entries:
            default = "● " if entry.name == self.library.default else "  "
            name, licence = f"{one_line(entry.name):<{width}}", one_line(entry.licence)
            rows.add_option(row(literal(default, (name, "bold"), f"  {licence}")))
        if self.library.entries:
            rows.highlighted = min(at, len(self.library.entries) - 1)
        else:
            self.query_one("#about", Words).say(" ".join(EMPTY.split()))

    def say(self, words: str) -> None:
        """The line above the keys."""
        self.query_one("#said", Words).say(words)

    @property
    def current(self) -> library.AddedModel | None:
        """The highlighted model."""
        at = self.query_one("#models", OptionList).highlighted
        return self.library.entries[at] if at is not None and self.library.entries else None

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        if self.current is not None:
            self.query_one("#about", Words).say("reading the file …")
            self._look(self.current)

    @work(thread=True, exclusive=True, group="facts", exit_on_error=False)
    def _look(self, entry: library.AddedModel) -> None:
        lines = told(lambda: facts(entry))
        self.app.call_from_thread(self.query_one("#about", Words).say, lines)

    @work
    async def action_add(self) -> None:
        """Copy a model in: one found on a stick, or any by its path."""
        path = await self.app.push_screen_wait(ModelPicker())
        if path is not None:
            self._copy(path)

    @work(thread=True, group="copy", exit_on_error=False)
    def _copy(self, path: Path) -> None:
        done = 0

        def progress(nbytes: int) -> None:
            nonlocal done
            done += nbytes
            self.app.call_from_thread(self.say, f"copied {show_size(done)}")

        def add() -> str:
            entry = adding.add(path, None, False, progress)
            return f"added {entry.name}"

        words = told(add)
        self.app.call_from_thread(self.say, words)
        self.app.call_from_thread(self.reload)

    def action_use(self) -> None:
        """Make the highlighted model the default."""
        if (entry := self.current) is not None:
            self.say(told(lambda: make_default(entry)))
            self.reload()

    def action_tune(self) -> None:
        """Find the settings that run the highlighted model fastest here, and keep them."""
        if (entry := self.current) is not None and not self.tuning:
            self.tuning = True
            self._stop.clear()
            self.query_one("#about", Words).say("loading the model; escape stops after a trial")
            self._tune(entry)

    @work(thread=True, group="tune", exit_on_error=False)
    def _tune(self, entry: library.AddedModel) -> None:
        trials: list[str] = []

        def say(trial: Speed) -> None:
            trials.append(tuning.shown(trial))
            self._from_thread(self.query_one("#about", Words).say, "\n\n".join(trials))

        def measure() -> str:
            best = tuning.tune(Path(entry.path), say, self._stop.is_set)
            kept = "as fast as any" if tuning.is_usual(best) else "used from now on"
            busy = f"; {tuning.busy(best)}" if tuning.busy(best) else ""
            return (
                f"{entry.name}: {amount(best.threads, 'thread')}, batch {best.batch}: {kept}{busy}"
            )

        words = told(measure)
        self._from_thread(self._tuned, words)

    def _tuned(self, words: str) -> None:
        self.tuning = False
        self.say(words)

    def _from_thread(self, act: Callable[..., object], *values: object) -> None:
        """Let the screen do something, if it is still there."""
        if self.is_attached:
            self.app.call_from_thread(act, *values)

    @work
    async def action_adapter(self) -> None:
        """Keep an adapter with the highlighted model, or none."""
        if (entry := self.current) is None:
            return
        present = self._unkept.get(entry.name, entry.adapter)
        ask = AskName(f"Adapter of {entry.name}", " ".join(ADAPTER.split()), present)
        typed: str | None = await self.app.push_screen_wait(ask)
        if typed is not None:
            self.say(f"trying {entry.name} with it …" if typed else "")
            self._keep_adapter(entry, typed)

    @work(thread=True, exclusive=True, group="adapter", exit_on_error=False)
    def _keep_adapter(self, entry: library.AddedModel, typed: str) -> None:
        self._unkept[entry.name] = typed
        words = told(lambda: self._kept_adapter(entry, typed))
        self._from_thread(self.reload)
        self._from_thread(self.say, words)

    def _kept_adapter(self, entry: library.AddedModel, typed: str) -> str:
        words = adapter_kept(entry, typed)
        self._unkept.pop(entry.name)
        return words

    def action_inspect(self) -> None:
        """Everything in the highlighted model's header."""
        if (entry := self.current) is not None:
            self.app.push_screen(InspectScreen(Path(entry.path)))

    def action_leave(self) -> None:
        """Stop a tuning, else go back."""
        if self.tuning:
            self._stop.set()
            self.say("stopping after this trial")
        else:
            self.dismiss(None)

    def on_unmount(self) -> None:
        """A tuning ends with its screen, after the present trial."""
        self._stop.set()

    @work
    async def action_remove(self) -> None:
        """Take a model off the list; its file is deleted if it is edgemed's own copy."""
        entry = self.current
        if entry is None:
            return
        words = "Its file is deleted." if entry.own else "Its file stays where it is."
        ask = Confirm(f"Remove {entry.name}", words, "Remove it", "Keep it")
        answer: bool | None = await self.app.push_screen_wait(ask)
        if answer:
            self.say(told(lambda: f"removed {adding.remove(entry.name).name}"))
            self.reload()


class ModelPicker(FilePicker):
    """Model files: those on what is plugged in first, then folders."""

    def __init__(self) -> None:
        found = [Choice(p.name, f"on {p.parent}", p) for p in models_on_media()]
        empty = " ".join(NO_FILES.split())
        super().__init__("Add a model (.gguf)", folder_with(".gguf"), (".gguf",), found, empty)


def make_default(entry: library.AddedModel) -> str:
    """Use `entry` when no model is named."""
    adding.set_default(entry.name)
    return f"{entry.name} is the default"


def adapter_kept(entry: library.AddedModel, typed: str) -> str:
    """Keep the adapter that was typed with `entry`; with nothing typed, none."""
    use = use_of(typed, at=path_of) if typed else None
    kept = beside.keep_adapter(entry.name, use)
    if use is None:
        return f"{kept.name} runs without an adapter from its next loading on"
    return f"{kept.name} runs with {use.name} from its next loading on (ctrl+l in a session)"


def told(act: Callable[[], str]) -> str:
    """The result of `act`, or why it failed, with the remedy."""
    try:
        return act()
    except EdgemedError as error:
        return complaint(error)
    except Exception as error:  # last resort of the thread
        return f"! {place_of(error)}"
