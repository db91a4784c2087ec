"""The session screen: a note on its way to a signed summary.

Holds the session and what runs for it; every rule is in `edgemed.clinic.session`.
"""

from typing import ClassVar

from edgemed_models.base import Failed
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from edgemed.clinic import session as steps
from edgemed.clinic.note import Note, parse
from edgemed.clinic.template import Template, list_templates, readable
from edgemed.errors import EdgemedError
from edgemed_tui.desk import Desk, ModelChoice
from edgemed_tui.messages import (
    Checked,
    CheckFailed,
    DraftEdited,
    DraftEnded,
    DraftGrew,
    DraftRefused,
    InsertAsked,
    ModelFailed,
    ModelReady,
    NotePasted,
    Reading,
)
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.seat import Seat
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import StageLine, StatusLine, reading, speed


class SessionScreen(Screen[None]):
    """One note, one draft, one signature."""

    CSS_PATH = "session.tcss"
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 - as in Screen
        (0, "-narrow"),
        (100, "-wide"),
        (160, "-very-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "open_note", "Note", id="session.note"),
        Binding("ctrl+t", "choose_template", "Template", id="session.template"),
        Binding("ctrl+l", "choose_model", "Model", id="session.model"),
        Binding("ctrl+g", "make_draft", "Draft", id="session.draft"),
        Binding("escape", "stop", "Stop", id="session.stop"),
    ]

    def __init__(self, desk: Desk, note: str | None = None) -> None:
        super().__init__()
        self.desk = desk
        self.session = steps.Session()
        self.note: Note | None = parse(note) if note else None
        self.template: Template | None = None
        self.choice: ModelChoice | None = None
        self.seat = Seat(desk, self)
        self.streaming = False

    def compose(self) -> ComposeResult:
        """Steps on top, panes, status, keys."""
        yield StageLine(id="stages")
        yield ReviewPane()
        yield StatusLine()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Take the note that came from the command line, and the first model."""
        choices = self.desk.models()
        if choices:
            self._take_model(choices[0])
        if self.note is not None:
            self.take_note(self.note.text)
        self.show()

    def show(self) -> None:
        """Show the session as it now is."""
        self.query_one(ReviewPane).show(self.session)
        origin = self.session.origin
        demonstration = (
            origin.demonstration if origin else bool(self.choice and self.choice.demonstration)
        )
        stages = self.query_one(StageLine)
        stages.show(steps.stage(self.session), bool(self.session.source), demonstration)
        self.query_one(StatusLine).tell(
            model=self.choice.name if self.choice else "no model: ctrl+l",
            template=self.template.title if self.template else "no template: ctrl+t",
        )
        self.refresh_bindings()

    def complain(self, error: EdgemedError) -> None:
        """Say what went wrong and what to do about it."""
        self.query_one(StatusLine).tell(doing=f"{error.message} ({error.hint})")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are shown when they can do something."""
        if action == "stop":
            return self.streaming
        if action == "make_draft":
            return bool(self.session.source) and not self.streaming
        return super().check_action(action, parameters)

    def take_note(self, text: str) -> None:
        """Begin a new session on `text`."""
        try:
            self.session = steps.opened(text)
        except EdgemedError as error:
            self.complain(error)
            return
        self.note = parse(self.session.source)
        self.show()
        self.seat.read(self.note)

    @work
    async def action_choose_template(self) -> None:
        """Pick a template."""
        choices = [Choice(t.title, t.purpose, t) for t in list_templates()]
        template = await self.app.push_screen_wait(Picker("Template", choices))
        if template is not None:
            self.template = template
            self.show()

    @work
    async def action_choose_model(self) -> None:
        """Pick a model."""
        choices = [Choice(m.name, m.about, m) for m in self.desk.models()]
        choice = await self.app.push_screen_wait(Picker("Model", choices))
        if choice is not None:
            self._take_model(choice)
            self.show()

    def action_make_draft(self) -> None:
        """Let the model write."""
        if self.template is None:
            self.action_choose_template()
            return
        if self.note is None:
            return
        self.session = steps.opened(self.session.source)
        self.streaming = True
        self.show()
        self.query_one(StatusLine).tell(doing="starting", speed="")
        self.seat.draft(self.note, self.template)

    def action_stop(self) -> None:
        """Stop the model."""
        self.seat.stop()

    @on(ModelReady)
    def _model_ready(self, message: ModelReady) -> None:
        self.query_one(StatusLine).tell(doing="")
        if self.note is not None and not self.session.text:
            self.seat.read(self.note)

    @on(ModelFailed)
    def _model_failed(self, message: ModelFailed) -> None:
        self.complain(EdgemedError(message.message, message.hint))

    @on(DraftRefused)
    def _refused(self, message: DraftRefused) -> None:
        self.streaming = False
        self.show()
        self.complain(EdgemedError(message.message, message.hint))

    @on(NotePasted)
    def _pasted(self, message: NotePasted) -> None:
        self.take_note(message.text)

    @on(Reading)
    def _reading(self, message: Reading) -> None:
        self.query_one(StatusLine).tell(doing=reading(message.progress))

    @on(DraftGrew)
    def _grew(self, message: DraftGrew) -> None:
        rate = f"{message.pieces / message.seconds:.1f} tok/s" if message.seconds > 1 else ""
        self.query_one(StatusLine).tell(doing="writing", speed=rate)
        self.query_one(ReviewPane).draft.write(message.text)

    @on(DraftEnded)
    def _ended(self, message: DraftEnded) -> None:
        self.streaming = False
        status = self.query_one(StatusLine)
        if isinstance(message.ending, Failed):
            status.tell(doing=f"{message.ending.message}; {message.ending.hint}")
        else:
            status.tell(doing="", speed=speed(message.ending.timings))
        assert self.template is not None and self.choice is not None
        origin = steps.Origin(
            self.choice.name,
            self.template.name,
            self.choice.hash,
            self.template.hash,
            self.choice.demonstration,
        )
        cut = isinstance(message.ending, Failed) or message.ending.reason != "stop"
        text = message.text if cut else readable(self.template, message.text)
        self.session = steps.drafted(self.session, origin, text, cut=cut)
        self.show()
        draft = self.query_one(ReviewPane).draft
        draft.settle()
        draft.focus()
        self._check()

    @on(DraftEdited)
    def _edited(self, message: DraftEdited) -> None:
        self.session = steps.edited(self.session, message.text)
        self.show()
        self._check()

    @on(Checked)
    def _checked(self, message: Checked) -> None:
        self.session = steps.reviewed(self.session, message.text, message.review)
        self.show()

    @on(CheckFailed)
    def _check_failed(self, message: CheckFailed) -> None:
        self.query_one(StatusLine).tell(doing=f"the check failed: {message.where}")

    @on(InsertAsked)
    def _insert(self, message: InsertAsked) -> None:
        line = steps.insertion(self.session, message.omission)
        self.query_one(ReviewPane).draft.append_line(line)

    def _check(self) -> None:
        self.seat.check(self.session.source, self.session.text)

    def _take_model(self, choice: ModelChoice) -> None:
        self.choice = choice
        self.query_one(StatusLine).tell(doing="loading the model")
        self.seat.load(choice)

    def on_unmount(self) -> None:
        """The engine ends with its screen."""
        self.seat.close()
