"""The session screen: a note, the model that reads it, the draft that comes back.

Holds what runs for a session; every rule is in `edgemed.clinic`.
"""

from pathlib import Path
from typing import ClassVar

from edgemed_models.base import Failed
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer

from edgemed import sessions
from edgemed.clinic import history
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
    ModelFailed,
    ModelHashed,
    ModelReady,
    NotePasted,
    Reading,
)
from edgemed_tui.screens.case import CaseScreen
from edgemed_tui.screens.dialogs import AskPassphrase, Confirm
from edgemed_tui.screens.notes import NotePicker
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.seat import Seat
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import Notice, StageLine, StatusLine, reading, speed

LOSE = "The draft is neither saved nor exported. Going on loses it."


class SessionScreen(CaseScreen):
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
        Binding("ctrl+l", "choose_model", "Model", id="session.model", show=False),
        Binding("ctrl+g", "make_draft", "Draft", id="session.draft"),
        Binding("escape", "stop", "Stop", id="session.stop"),
    ]

    def __init__(self, desk: Desk, note: str | None = None) -> None:
        super().__init__(desk)
        self.note: Note | None = None
        self.template: Template | None = None
        self.choice: ModelChoice | None = None
        self.seat = Seat(desk, self)
        self.streaming = False
        self.previous = self.session  # what comes back when a new draft comes to nothing
        self._first_note = note

    def compose(self) -> ComposeResult:
        """Steps on top, panes, status, keys."""
        yield StageLine(id="stages")
        yield ReviewPane()
        yield Notice()
        yield StatusLine()
        yield Footer(show_command_palette=False, compact=True)

    def on_mount(self) -> None:
        """Load the first model and take the note that came from the command line."""
        choices = self.desk.models()
        if choices:
            self._take_model(choices[0])
        if self._first_note is not None:
            self.take_note(self._first_note)
        self.show()

    def on_unmount(self) -> None:
        """The engine ends with its screen."""
        self.seat.close()

    def show(self) -> None:
        """Show the session as it now is."""
        self.query_one(ReviewPane).show(self.session)
        self.query_one(StageLine).show(steps.stage(self.session), bool(self.session.source))
        maker = self.session.origin or self.choice
        self.query_one(ReviewPane).draft.head(maker is not None and maker.demonstration)
        self.query_one(StatusLine).tell(
            model=self.choice.name if self.choice else "no model: ctrl+l",
            template=self.template.title if self.template else "no template: ctrl+t",
        )
        self.refresh_bindings()

    def complain(self, error: EdgemedError) -> None:
        """Say what went wrong and what to do about it; it stands until something is done."""
        self.query_one(StatusLine).tell(doing="")
        self.query_one(Notice).complain(error)

    def tell(self, words: str) -> None:
        """Say that something was done."""
        self.query_one(Notice).clear()
        self.query_one(StatusLine).tell(doing=words)

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
            self._begin(steps.opened(text))
        except EdgemedError as error:
            self.complain(error)
            return
        if self.note is not None:
            self.seat.read(self.note)

    def _begin(self, session: steps.Session) -> None:
        self.session = self.kept = session
        self.saved_as = None
        self.note = parse(session.source)
        self.tell("")
        self.show()

    async def may_lose_work(self) -> bool:
        """Whether the present session may go: it is kept, or the user says so."""
        if not self.unsaved:
            return True
        ask = Confirm("Unsaved work", LOSE, "Lose it", "Go back")
        answer: bool | None = await self.app.push_screen_wait(ask)
        return answer is True

    @work
    async def action_open_note(self) -> None:
        """Open a note file, a pasted note, or a saved session."""
        if not await self.may_lose_work():
            return
        chosen = await self.app.push_screen_wait(NotePicker(self.desk.notes, self.desk.sessions))
        if isinstance(chosen, str):
            self.take_note(chosen)
        elif isinstance(chosen, Path):
            await self._open_saved(chosen)

    async def _open_saved(self, path: Path) -> None:
        ask = AskPassphrase("Open a saved session", f"Saved as {path.stem}.", new=False)
        passphrase = await self.app.push_screen_wait(ask)
        if passphrase is None:
            return
        try:
            session, lock = sessions.load(path, passphrase)
        except EdgemedError as error:
            self.complain(error)
            return
        self.owner.lock = lock
        self._begin(session)
        self.saved_as = path
        if session.text and session.review is None:
            self._check()

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
        empty = "No model is here. Add one: edgemed models add FILE.gguf"
        choice = await self.app.push_screen_wait(Picker("Model", choices, empty))
        if choice is not None:
            self._take_model(choice)
            self.show()

    @work
    async def action_make_draft(self) -> None:
        """Let the model write."""
        if self.template is None:
            await self.action_choose_template().wait()
        if self.template is None or self.note is None or not await self.may_lose_work():
            return
        self.previous = self.session
        self.session = self.kept = steps.opened(self.session.source)
        self.streaming = True
        self.show()
        self.tell("starting")
        self.query_one(StatusLine).tell(speed="")
        self.seat.draft(self.note, self.template)

    def action_stop(self) -> None:
        """Stop the model."""
        self.seat.stop()

    @on(NotePasted)
    @work
    async def _pasted(self, message: NotePasted) -> None:
        if await self.may_lose_work():
            self.take_note(message.text)

    @on(ModelReady)
    def _model_ready(self, message: ModelReady) -> None:
        self.tell("")
        if self.note is not None and not self.session.text:
            self.seat.read(self.note)

    @on(ModelHashed)
    def _model_hashed(self, message: ModelHashed) -> None:
        if self.choice == message.choice:
            self.choice = message.choice._replace(hash=message.hash)

    @on(ModelFailed)
    def _model_failed(self, message: ModelFailed) -> None:
        self.complain(EdgemedError(message.message, message.hint))

    @on(DraftRefused)
    def _refused(self, message: DraftRefused) -> None:
        self._restore()
        self.complain(EdgemedError(message.message, message.hint))

    def _restore(self) -> None:
        """No draft has come: the session before it stands again."""
        self.streaming = False
        self.session = self.previous
        self.show()

    @on(Reading)
    def _reading(self, message: Reading) -> None:
        self.tell(reading(message.progress))

    @on(DraftGrew)
    def _grew(self, message: DraftGrew) -> None:
        rate = f"{message.pieces / message.seconds:.1f} tok/s" if message.seconds > 1 else ""
        self.query_one(StatusLine).tell(doing="writing", speed=rate)
        self.query_one(ReviewPane).draft.write(message.text)

    @on(DraftEnded)
    def _ended(self, message: DraftEnded) -> None:
        ending = message.ending
        if not message.text.strip():
            self._restore()
            self._say_how_it_ended(message)
            return
        self.streaming = False
        assert self.template is not None and self.choice is not None
        cut = isinstance(ending, Failed) or ending.reason != "stop"
        text = message.text if cut else readable(self.template, message.text)
        origin = origin_of(self.choice, self.template)
        self.change(
            lambda: steps.drafted(self.session, origin, text, cut=cut),
            lambda log, after: history.drafted(log, after, self.who, self.desk.clock()),
        )
        self._say_how_it_ended(message)
        draft = self.query_one(ReviewPane).draft
        draft.settle()
        draft.focus()
        self._check()

    def _say_how_it_ended(self, message: DraftEnded) -> None:
        status, ending = self.query_one(StatusLine), message.ending
        if isinstance(ending, Failed):
            self.complain(EdgemedError(ending.message, ending.hint))
            return
        said = {"stop": "", "length": "! the draft was cut at its token limit"}
        status.tell(
            doing=said.get(ending.reason, "! stopped before its end"), speed=speed(ending.timings)
        )

    @on(DraftEdited)
    def _edited(self, message: DraftEdited) -> None:
        if message.text != self.session.text:
            self.session = steps.edited(self.session, message.text)
            self.show()
            self._check()

    @on(Checked)
    def _checked(self, message: Checked) -> None:
        self.session = steps.reviewed(self.session, message.text, message.review)
        self.show()

    @on(CheckFailed)
    def _check_failed(self, message: CheckFailed) -> None:
        self.complain(EdgemedError(f"the check failed: {message.where}", "the draft is unchecked"))

    def _check(self) -> None:
        self.seat.check(self.session.source, self.session.text)

    def _take_model(self, choice: ModelChoice) -> None:
        self.choice = choice
        self.tell("loading the model")
        self.seat.load(choice)


def origin_of(choice: ModelChoice, template: Template) -> steps.Origin:
    """What is recorded of what made a draft."""
    return steps.Origin(
        choice.name, template.name, choice.hash, template.hash, choice.demonstration
    )
