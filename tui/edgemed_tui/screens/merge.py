"""The merge screen: two files, a method and t; the plan that follows; the run."""

import threading
from pathlib import Path
from typing import ClassVar

from edgemed_models.machine import logical_cores
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, ProgressBar

from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.recipe import between
from edgemed.merging.report.survey import TensorFigures, survey
from edgemed.merging.run import unfinished
from edgemed.merging.run.progress import Progress
from edgemed.merging.run.run import run_plan
from edgemed_tui.crash import place_of
from edgemed_tui.folders import folder_with
from edgemed_tui.literal import Words, literal, one_line
from edgemed_tui.remedies import complaint
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.files import FilePicker
from edgemed_tui.screens.merge_words import (
    A_FILE,
    ABOUT,
    CANCELLED,
    CHOSEN,
    FIELDS,
    MODELS,
    OUT,
    READING,
    consequences,
    embedded_parents,
    form_of,
    is_begun,
    method_choices,
    outcome,
    type_choices,
)
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.report import ReportScreen
from edgemed_tui.services import Services
from edgemed_tui.typed import path_of
from edgemed_tui.widgets.choice_line import ChoiceLine
from edgemed_tui.widgets.keys_line import KeysLine


class Cancelled(EdgemedError):
    """The user stopped the merge."""


class MergeScreen(Screen[None]):
    """A form on the left, its plan on the right, progress below."""

    CSS_PATH = "merge.tcss"
    HELP = """## Merge two models

Two GGUF files of one architecture become one. `ctrl+t`, or an arrow down, lists what the field
with the cursor can be; `enter` shows whether they can be merged, the size of the result and the
memory it takes. Nothing is written before `ctrl+g`.

- `escape` cancels a running merge; what was written is kept, and `ctrl+g` goes on with it
- `ctrl+r` throws away what an interrupted merge has written
- `f5` measures afterwards what the merge kept, layer by layer"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t,down", "choose", "Choose", id="merge.choose"),
        Binding("ctrl+g", "merge", "Merge or continue", id="merge.run"),
        Binding("ctrl+r", "anew", "Start over", id="merge.anew"),
        Binding("f5", "report", "Report", id="merge.report"),
        Binding("escape", "leave", "Cancel or back", id="merge.leave"),
    ]

    def __init__(self, services: Services, t: float | None = None) -> None:
        super().__init__()
        self._start = form_of(t)
        self.services = services
        self.plan: Plan | None = None
        self.running = False
        self.measures: list[TensorFigures] = []
        self._merged: Plan | None = None
        self._stop = threading.Event()
        self._told = False  # whether the message that the files are read first was shown

    def compose(self) -> ComposeResult:
        """The form, what the merge will do, the bar."""
        yield Words(literal((" edgemed ", "bold"), "  merge two models"), id="head")
        with Horizontal():
            with Vertical(id="form") as form:
                form.border_title = literal("Recipe")
                for name, label, value in FIELDS:
                    yield Words(label, classes="label", id=f"label-{name}")
                    yield line(name, self._start.get(name, value))
            with VerticalScroll(id="preview") as preview:
                preview.border_title = literal("What the merge will do")
                yield Words(" ".join(ABOUT.split()), id="follows")
        yield ProgressBar(id="bar", show_eta=True)
        yield KeysLine()

    def on_mount(self) -> None:
        """No bar before there is something to show; an interrupted merge is offered."""
        self.query_one(ProgressBar).display = False
        if self._start.get("out"):
            self._consider()

    def on_unmount(self) -> None:
        """Stop the merge when its screen closes; what it has written can be continued."""
        self._stop.set()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are shown when they can do something."""
        if action == "anew":
            return not self.running and self.plan is not None and is_begun(self.plan)
        if action == "report":
            return not self.running and self._merged is not None
        return super().check_action(action, parameters)

    def say(self, words: str) -> None:
        """What the merge will do."""
        self.query_one("#follows", Words).say(words)

    def field(self, name: str) -> str:
        """The text of a field."""
        return self._line(name).value.strip()

    def _line(self, name: str) -> Input | ChoiceLine:
        kind: type[Input] | type[ChoiceLine] = ChoiceLine if name in CHOSEN else Input
        return self.query_one(f"#{name}", kind)

    @on(Input.Submitted)
    def _asked(self, event: Input.Submitted) -> None:
        if event.input.id in MODELS and not event.value.strip():
            self.action_choose()
        else:
            self._consider()

    @on(ChoiceLine.Asked)
    def _list_asked(self, event: ChoiceLine.Asked) -> None:
        self._choose(str(event.line.id), event.typed)

    @on(Input.Changed)
    def _named(self, event: Input.Changed) -> None:
        """A long path is cut: its file's name is in the label."""
        label = next((label for name, label, _ in FIELDS if name == event.input.id), None)
        if label is not None and event.input.id in MODELS:
            file = one_line(Path(event.value.strip()).name) if event.value.strip() else ""
            self.query_one(f"#label-{event.input.id}", Words).say(
                literal(label, *((": ", (file, "bold")) if file else ()))
            )

    @on(Input.Changed)
    @on(ChoiceLine.Changed)
    def _changed(self) -> None:
        if not self.running:
            self.plan = None
            self.refresh_bindings()

    def action_choose(self) -> None:
        """What the field with the cursor can be."""
        if self.focused is not None and self.focused.id in (*MODELS, *CHOSEN, "out"):
            self._choose(str(self.focused.id))

    @work
    async def _choose(self, name: str, typed: str = "") -> None:
        """List the values of a field; `typed` was typed already."""
        match name:
            case "method":
                chosen = await self._of("Method", method_choices(), typed, name)
            case "type":
                chosen = await self._of("Number format of the result", type_choices(), typed, name)
            case "out":
                proposed = str(Path.cwd() / self.field("out"))
                chosen = await self.app.push_screen_wait(AskPath("File to write", OUT, proposed))
            case _:
                chosen = await self._model()
        if chosen is not None:
            line = self._line(name)
            line.value = chosen
            if isinstance(line, Input):
                line.cursor_position = len(chosen)  # long paths differ at their ends
            if all(self.field(name) for name in MODELS):
                self._consider()

    async def _of(
        self, title: str, choices: list[Choice[str]], typed: str = "", of: str = ""
    ) -> str | None:
        """Ask; the present value of the field `of` is highlighted."""
        marked = self.field(of) if of else None
        return await self.app.push_screen_wait(Picker(title, choices, typed=typed, marked=marked))

    async def _model(self) -> str | None:
        """A model that is here, or any file."""
        file = Choice(A_FILE, "found by its folder, or its path", "")
        chosen = await self._of("Model", [*self.added(), *embedded_parents(), file])
        if chosen != "":
            return chosen
        path = await self.app.push_screen_wait(
            FilePicker("A model (.gguf)", folder_with(".gguf"), (".gguf",))
        )
        return None if path is None else str(path)

    def added(self) -> list[Choice[str]]:
        """The clinic's own models."""
        models = (m for m in self.services.models() if not m.demonstration)
        return [Choice(m.name, m.about, m.path) for m in models]

    @work(thread=True, exclusive=True, group="plan", exit_on_error=False)
    def _consider(self) -> None:
        words = "reading the headers …"
        self.app.call_from_thread(self.say, words)
        try:
            plan = self._planned()
            self.plan = plan
            words = consequences(plan, self.field("method"))
        except EdgemedError as error:
            words = complaint(error)
        except Exception as error:  # last resort of the thread
            words = f"! {place_of(error)}"
        self.app.call_from_thread(self._considered, words)

    def _considered(self, words: str) -> None:
        self.say(words)
        self.refresh_bindings()

    def _planned(self) -> Plan:
        """The plan for the form's fields, or a refusal."""
        try:
            t = float(self.field("t"))
        except ValueError as error:
            raise UsageError("t is not a number", "give one from 0 to 1") from error
        a, b = (path_of(self.field(name)) for name in ("a", "b"))
        recipe = between(a, b, t, self.field("method"), out_type=self.field("type"))
        return plan_merge(recipe, path_of(self.field("out")), logical_cores())

    def action_merge(self) -> None:
        """Carry out the plan, once it was shown; what is written already is kept."""
        if self.running:
            return
        if self.plan is None:
            self._consider()
            return
        self._show_bar(self.plan)
        self._merge(self.plan, {name: self.field(name) for name, _, _ in FIELDS})

    def action_anew(self) -> None:
        """Discard what an interrupted merge has written, and show the plan again."""
        if self.plan is None:
            return
        try:
            unfinished.discard(self.plan)
            unfinished.forget()
        except EdgemedError as error:
            self.say(complaint(error))
        else:
            self._consider()

    def action_report(self) -> None:
        """Compare the merged file with its parents, then show what was kept by layer."""
        if self.measures:
            self._show_report()
        elif self._merged is not None:
            self.say("measuring what the merge kept; escape stops this")
            self._show_bar(self._merged)
            self._survey(self._merged)

    def _show_bar(self, plan: Plan) -> None:
        self.running, self._told = True, False
        self._stop.clear()
        bar = self.query_one(ProgressBar)
        bar.display = True
        bar.update(total=plan.weights, progress=0)
        self.refresh_bindings()

    @work(thread=True, exclusive=True, group="merge", exit_on_error=False)
    def _merge(self, plan: Plan, form: dict[str, str]) -> None:
        merged = False
        try:
            unfinished.remember(form)
            words = outcome(run_plan(plan, self._report, resume=True))
            unfinished.forget()
            merged = True
        except Cancelled:
            words = CANCELLED
        except EdgemedError as error:
            words = complaint(error)
        except Exception as error:  # last resort of the thread
            words = f"! {place_of(error)}"
        if not self._gone:
            self.app.call_from_thread(self._ended, words, plan if merged else None)

    @work(thread=True, exclusive=True, group="merge", exit_on_error=False)
    def _survey(self, plan: Plan) -> None:
        try:
            measures, words = survey(plan, finished=True, on_progress=self._report), "Measured."
        except Cancelled:
            measures, words = [], "Stopped. f5 measures again."
        except EdgemedError as error:
            measures, words = [], complaint(error)
        except Exception as error:  # last resort of the thread
            measures, words = [], f"! {place_of(error)}"
        if not self._gone:
            self.app.call_from_thread(self._surveyed, measures, words)

    @property
    def _gone(self) -> bool:
        """Whether the screen was closed while a thread worked for it."""
        return not self.is_attached

    def _surveyed(self, measures: list[TensorFigures], words: str) -> None:
        self.measures = measures
        self._rest(words)
        if measures:
            self._show_report()

    def _show_report(self) -> None:
        assert self._merged is not None
        self.app.push_screen(ReportScreen(self._merged.out.name, self.measures))

    def _report(self, progress: Progress) -> None:
        """Called from the merging threads ten times a second."""
        if self._stop.is_set():
            raise Cancelled("cancelled")
        if progress.reading and not self._told:
            self._told = True
            self.app.call_from_thread(self.say, READING)
        if progress.compiling:
            self.app.call_from_thread(self.say, f"compiling {progress.compiling}, once")
        bar = self.query_one(ProgressBar)
        self.app.call_from_thread(bar.update, progress=progress.done)

    def _ended(self, words: str, merged: Plan | None) -> None:
        self.plan, self._merged, self.measures = None, merged, []
        self._rest(words)

    def _rest(self, words: str) -> None:
        self.running = False
        self.query_one(ProgressBar).display = False
        self.say(words)
        self.refresh_bindings()

    def action_leave(self) -> None:
        """Cancel a running merge, else go back."""
        if self.running:
            self._stop.set()
        else:
            self.dismiss(None)


def line(name: str, value: str) -> Input | ChoiceLine:
    """A field of the form: chosen if there is a list of all values, else typed."""
    if name in CHOSEN:
        return ChoiceLine(value, id=name)
    if name in MODELS:
        return Input(value, placeholder="enter lists the models", id=name, compact=True)
    return Input(value, id=name, compact=True)
