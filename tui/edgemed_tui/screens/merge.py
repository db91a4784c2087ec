"""The merge screen: two files, a method, how far to go; what follows from it; the run."""

import threading
from pathlib import Path
from typing import ClassVar

from edgemed_models.scale import path_of
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, ProgressBar

from edgemed.demonstration import PARENTS
from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.method_table import METHODS
from edgemed.merging.plan import Plan, plan_merge
from edgemed.merging.recipe import LIKE_A, between
from edgemed.merging.run import Progress, Result, run_plan, usable_cores
from edgemed.sizes import show_size
from edgemed_tui.crash import place_of
from edgemed_tui.desk import Desk
from edgemed_tui.literal import Words, literal
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.widgets.keys_line import KeysLine

FIELDS = (
    ("a", "First model (t = 0)", ""),
    ("b", "Second model (t = 1)", ""),
    ("method", "Method", "slerp"),
    ("t", "How far from the first to the second, 0 to 1", "0.5"),
    ("type", "Tensor types of the result", LIKE_A),
    ("out", "File to write", "merged.gguf"),
)
ABOUT = """Name two GGUF files of one architecture: ctrl+t chooses for the field with the cursor.
enter shows what follows from the choice; nothing is written before ctrl+g."""


class Cancelled(EdgemedError):
    """The user stopped the merge."""


class MergeScreen(Screen[None]):
    """A form left, its consequences right, progress below."""

    CSS_PATH = "merge.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "choose", "Choose", id="merge.choose"),
        Binding("ctrl+g", "merge", "Merge", id="merge.run"),
        Binding("escape", "leave", "Cancel or back", id="merge.leave"),
    ]

    def __init__(self, desk: Desk, t: float | None = None) -> None:
        super().__init__()
        self._t = t
        self.desk = desk
        self.plan: Plan | None = None
        self.running = False
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        """The form, the verdict, the bar."""
        yield Words(literal((" edgemed ", "bold"), "  merge two models"), id="head")
        with Horizontal():
            with Vertical(id="form") as form:
                form.border_title = literal("Recipe")
                for name, label, value in FIELDS:
                    yield Words(label, classes="label")
                    start = f"{self._t:g}" if name == "t" and self._t is not None else value
                    yield Input(start, id=name, compact=True)
            with VerticalScroll(id="verdict") as verdict:
                verdict.border_title = literal("What follows")
                yield Words(" ".join(ABOUT.split()), id="follows")
        yield ProgressBar(id="bar", show_eta=True)
        yield KeysLine()

    def on_mount(self) -> None:
        """No bar before there is something to show."""
        self.query_one(ProgressBar).display = False

    def say(self, words: str) -> None:
        """What follows from the choice."""
        self.query_one("#follows", Words).say(words)

    def field(self, name: str) -> str:
        """What stands in a field."""
        return self.query_one(f"#{name}", Input).value.strip()

    @on(Input.Submitted)
    def _asked(self) -> None:
        self._consider()

    @on(Input.Changed)
    def _changed(self) -> None:
        if not self.running:
            self.plan = None

    @work
    async def action_choose(self) -> None:
        """Models, methods by a few letters."""
        focused = self.focused
        if not isinstance(focused, Input) or focused.id not in ("a", "b", "method"):
            return
        if focused.id == "method":
            choices = [Choice(name, "", name) for name in methods()]
        else:
            choices = [*self.added(), *embedded_parents()]
        chosen = await self.app.push_screen_wait(Picker("Choose", choices))
        if chosen is not None:
            focused.value = chosen

    def added(self) -> list[Choice[str]]:
        """The clinic's own models."""
        models = (m for m in self.desk.models() if not m.demonstration)
        return [Choice(m.name, m.about, m.path) for m in models]

    @work(thread=True, exclusive=True, group="plan", exit_on_error=False)
    def _consider(self) -> None:
        words = "looking …"
        self.app.call_from_thread(self.say, words)
        try:
            plan = self._planned()
            self.plan = plan
            words = consequences(plan)
        except EdgemedError as error:
            words = f"! {error.message}\n  {error.hint}"
        except Exception as error:  # the thread's outermost edge
            words = f"! {place_of(error)}"
        self.app.call_from_thread(self.say, words)

    def _planned(self) -> Plan:
        """The plan of what stands in the form, or a refusal."""
        try:
            t = float(self.field("t"))
        except ValueError as error:
            raise UsageError("t is no number", "give one from 0 to 1") from error
        a, b = (Path(self.field(name)).expanduser() for name in ("a", "b"))
        recipe = between(a, b, t, self.field("method"), out_type=self.field("type"))
        return plan_merge(recipe, Path(self.field("out")).expanduser(), usable_cores())

    def action_merge(self) -> None:
        """Carry the plan out, once it has been seen."""
        if self.running:
            return
        if self.plan is None:
            self._consider()
            return
        self.running = True
        self._stop.clear()
        bar = self.query_one(ProgressBar)
        bar.display = True
        bar.update(total=self.plan.weights, progress=0)
        self._merge(self.plan)

    @work(thread=True, exclusive=True, group="merge", exit_on_error=False)
    def _merge(self, plan: Plan) -> None:
        try:
            words = outcome(run_plan(plan, self._report))
        except Cancelled:
            words = "Cancelled. Nothing was written, the models are as they were."
        except EdgemedError as error:
            words = f"! {error.message}\n  {error.hint}"
        except Exception as error:  # the thread's outermost edge
            words = f"! {place_of(error)}"
        self.app.call_from_thread(self._ended, words)

    def _report(self, progress: Progress) -> None:
        """Called from the merging threads ten times a second."""
        if self._stop.is_set():
            raise Cancelled("cancelled")
        if progress.compiling:
            self.app.call_from_thread(self.say, f"compiling {progress.compiling}, once")
        bar = self.query_one(ProgressBar)
        self.app.call_from_thread(bar.update, progress=progress.done)

    def _ended(self, words: str) -> None:
        self.running = False
        self.plan = None
        self.query_one(ProgressBar).display = False
        self.say(words)

    def action_leave(self) -> None:
        """Cancel a running merge, else go back."""
        if self.running:
            self._stop.set()
        else:
            self.dismiss(None)


def methods() -> list[str]:
    """The methods that go from one model to another by a share t."""
    return ["linear", *(name for name, method in METHODS.items() if "t" in method.parameters)]


def consequences(plan: Plan) -> str:
    """The plan in the figures that a person decides by."""
    actions: dict[str, int] = {}
    for step in plan.steps:
        actions[step.action] = actions.get(step.action, 0) + 1
    done = ", ".join(f"{count} to {action}" for action, count in actions.items())
    rows = [
        "The two models go together.",
        "",
        f"{len(plan.steps)} tensors: {done}",
        f"result:  {show_size(sum(s.nbytes for s in plan.steps))} of tensors in {plan.out}",
        f"memory:  {show_size(plan.buffers.nbytes)} of buffers, {plan.buffers.threads} threads",
    ]
    return "\n".join([*rows, *(f"note: {note}" for note in plan.notes), "", "ctrl+g merges."])


def outcome(result: Result) -> str:
    """What was done, in figures measured in this run."""
    rate = result.weights / max(result.seconds, 1e-9) / 1e6
    rows = [
        f"Done: {result.out}",
        f"{show_size(result.nbytes)}, {result.weights / 1e6:,.1f} M weights",
        f"{result.seconds:.1f} s ({rate:,.0f} M weights a second), "
        f"{result.sync_seconds:.1f} s to sync",
    ]
    if result.rows_kept:
        rows.append(f"{result.rows_kept:,} rows are the same in both and kept as they are")
    return "\n".join(rows)


def embedded_parents() -> list[Choice[str]]:
    """The two small models that come with edgemed, to try a merge on."""
    about = "comes with edgemed, not for patients"
    return [Choice(name, about, str(path_of(name))) for name in PARENTS]
