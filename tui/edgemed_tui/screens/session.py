"""The session screen: opens a note, chooses template and model, shows how the session stands.

What the engine does for it is in `drafting`, what is decided about it in `case`; every rule is in
`edgemed.clinic`.
"""

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from edgemed.clinic import session as steps
from edgemed.clinic.note import parse
from edgemed.clinic.template import list_templates, load_template
from edgemed.errors import EdgemedError
from edgemed.local_models.demonstration import LEARNED
from edgemed.logs import sessions
from edgemed_tui import pace
from edgemed_tui.desk import Desk
from edgemed_tui.messages import NotePasted
from edgemed_tui.screens.dialogs import AskPassphrase, Confirm
from edgemed_tui.screens.drafting import DraftingScreen
from edgemed_tui.screens.notes import NotePicker
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.widgets.keys_line import KeysLine
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import Notice, StageLine, StatusLine

LOSE = "The draft is neither saved nor exported. Going on loses it."


class SessionScreen(DraftingScreen):
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
    ]

    def __init__(self, desk: Desk, note: str | None = None) -> None:
        super().__init__(desk)
        self._first_note = note

    def compose(self) -> ComposeResult:
        """Steps on top, panes, status, keys."""
        yield StageLine(id="stages")
        yield ReviewPane()
        yield Notice()
        yield StatusLine()
        yield KeysLine()

    def on_mount(self) -> None:
        """Load the first model and take the note that came from the command line."""
        choices = self.desk.models()
        if choices:
            self.take_model(choices[0])
        if self._first_note is not None:
            self.take_note(self._first_note)
        self.show()

    def show(self) -> None:
        """Show the session as it now is."""
        review = self.query_one(ReviewPane)
        review.show(self.session)
        review.set_streaming(self.streaming)
        self.query_one(StageLine).show(steps.stage(self.session), bool(self.session.source))
        maker = self.session.origin or self.choice
        review.head(maker is not None and maker.demonstration)
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

    def take_sample(self, text: str) -> None:
        """Begin on the sample note, for the demonstration model with the template it knows."""
        if self.choice is not None and self.choice.demonstration:
            try:
                self.template = load_template(LEARNED)
            except EdgemedError as error:  # the user's own file of that name is broken
                self.complain(error)
                return
        self.take_note(text)

    def _begin(self, session: steps.Session) -> None:
        self.session = self.kept = session
        self.saved_as = self.attested = None
        self.own_words = ""
        self.note = parse(session.source)
        self.tell("")
        self.show()
        if not self.app.is_headless:
            pace.keep()

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
            self.query_one(Notice).clear()
            self.show()
            self.warn_of_template()

    @work
    async def action_choose_model(self) -> None:
        """Pick a model."""
        choices = [Choice(m.name, m.about, m) for m in self.desk.models()]
        empty = "No model is here. Add one: edgemed models add FILE.gguf"
        choice = await self.app.push_screen_wait(Picker("Model", choices, empty))
        if choice is not None:
            self.take_model(choice)
            self.show()

    @work
    async def action_make_draft(self) -> None:
        """Let the model write."""
        if self.template is None:
            await self.action_choose_template().wait()
        if self.template is None or self.note is None or not await self.may_lose_work():
            return
        self.begin_draft()

    @on(NotePasted)
    @work
    async def _pasted(self, message: NotePasted) -> None:
        if await self.may_lose_work():
            self.take_note(message.text)
