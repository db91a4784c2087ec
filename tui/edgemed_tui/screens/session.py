"""The session screen: shows how a case stands, and hands every key on.

To `choosing`, `drafting`, `deciding` and `documents`; their rules are in `edgemed.clinic.case`.
"""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from edgemed.clinic.case import session as steps
from edgemed.clinic.case.case import Case
from edgemed.clinic.case.session import Session
from edgemed.clinic.note import parse
from edgemed.errors import EdgemedError, Refused
from edgemed_tui import interpreter, messages
from edgemed_tui.model_thread import ModelThread
from edgemed_tui.screens.choosing import Choosing
from edgemed_tui.screens.deciding import Deciding
from edgemed_tui.screens.documents import Documents
from edgemed_tui.screens.drafting import Drafting
from edgemed_tui.screens.view import Owner
from edgemed_tui.services import Services
from edgemed_tui.widgets.keys_line import KeysLine
from edgemed_tui.widgets.next_step import MOST
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import Notice, StageLine, StatusLine, memory

T = TypeVar("T")

MEMORY_EVERY = 3.0  # seconds
NO_PLACE = "there is nothing to paste into here; the paste was ignored"
PLACES = "as a note: ctrl+n, then ctrl+v; into a draft: e first"


class SessionScreen(Screen[None]):
    """One note, one draft, one signature."""

    CSS_PATH = "session.tcss"
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012 - as in Screen
        (0, "-narrow"),
        (100, "-wide"),
        (160, "-very-wide"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sign", "Sign", id="case.sign"),
        Binding("s", "sign_not", "Why not sign", id="case.sign_not"),
        Binding("v", "compare", "Compare", id="case.compare", show=False),
        Binding("a", "addendum", "Addendum", id="case.addendum"),
        Binding("o", "documents", "Documents", id="case.documents"),
        Binding("x", "export", "Export", id="case.export"),
        Binding("c", "copy", "Copy", id="case.copy"),
        Binding("ctrl+s", "save", "Save", id="case.save"),
        Binding("l", "name", "Name the session", id="case.name", show=False),
        Binding("z", "keep_seal", "Keep a seal", id="case.seal", show=False),
        Binding("escape", "stop", "Stop", id="session.stop"),
        Binding("ctrl+n", "open_note", "Note", id="session.note"),
        Binding("ctrl+t", "choose_template", "Template", id="session.template"),
        Binding("ctrl+l", "choose_model", "Model", id="session.model", show=False),
        Binding("ctrl+g", "make_draft", "Draft", id="session.draft"),
        *(Binding(str(n), f"pick({n})", f"Choice {n}", show=False) for n in range(1, MOST + 1)),
    ]

    def __init__(
        self, services: Services, case: Case, owner: Owner, note: str | None = None
    ) -> None:
        super().__init__()
        self.services, self.case, self.owner = services, case, owner
        self.model_thread = ModelThread(services, self)
        self.drafting = Drafting(case, self.model_thread, self)
        self.deciding = Deciding(case, owner, self)
        helpers = self.drafting, self.deciding
        self.choosing = Choosing(case, services, owner, self, helpers, self._opened)
        self.documents = Documents(case, self.deciding, self, self.drafting.check)
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
        self.set_interval(MEMORY_EVERY, self._measure)
        faults = self.choosing.begin()
        if self._first_note is not None:
            self.choosing.take_note(self._first_note)
        self.show()
        for fault in faults:
            self.complain(fault)

    def on_unmount(self) -> None:
        """The engine ends with its screen."""
        self.model_thread.close()

    @property
    def session(self) -> Session:
        """The session as it stands."""
        return self.case.session

    @property
    def streaming(self) -> bool:
        """Whether a draft is being written."""
        return self.case.draft is not None

    @property
    def panes(self) -> ReviewPane:
        """Note, draft and findings."""
        return self.query_one(ReviewPane)

    @property
    def status(self) -> StatusLine:
        """The line that says what is being done."""
        return self.query_one(StatusLine)

    @property
    def editing(self) -> bool:
        """Whether letters go into the text."""
        return not self.panes.draft.read_only

    def show(self) -> None:
        """Show the case as it is now."""
        session, choice = self.case.shown, self.drafting.choice
        self.panes.show(session)
        self.panes.set_streaming(self.streaming)
        self.query_one(StageLine).show(steps.stage(session), bool(session.source))
        maker = session.origin or choice
        self.panes.head(maker is not None and maker.demonstration, session.cut)
        template = self.case.template
        self.panes.next.show(
            note=bool(session.source),
            template=template.title if template else "",
            titles=[t.title for t in self.choosing.usual],
            model=choice is not None,
        )
        self.status.tell(
            model=choice.name if choice else "no model: ctrl+l",
            template=template.title if template else "no template: ctrl+t",
        )
        self.refresh_bindings()

    def complain(self, error: EdgemedError) -> None:
        """Say what went wrong and what to do about it; it stays until the next action."""
        self.status.tell(doing="")
        self.query_one(Notice).complain(error)

    def tell(self, words: str) -> None:
        """Show that something was done."""
        self.query_one(Notice).clear()
        self.status.tell(doing=words)

    async def ask(self, dialog: Screen[T]) -> T | None:
        """Wait for the answer to a dialog."""
        return await self.app.push_screen_wait(dialog)

    def _measure(self) -> None:
        """Show how much memory edgemed takes."""
        self.status.tell(memory=memory(self.model_thread.resident_bytes()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are shown when they can do something."""
        session = self.case.shown
        match action:
            case "sign" | "sign_not":
                ready = may(self.case.may_sign)
                waits = steps.stage(session) == "reviewed" or self.drafting.check_broke
                return waits and not self.editing and ready == (action == "sign")
            case "documents":
                return len(session.documents) > 1 and not self.editing
            case "addendum":
                return may(self.case.may_add)
            case "compare" | "save":
                return bool(session.text) and not (action == "compare" and self.editing)
            case "name":
                return bool(session.source) and not self.editing
            case "keep_seal":
                return not self.editing
            case "export" | "copy":
                return may(self.case.may_give_out)
            case "stop":
                return self.streaming
            case "pick":
                return not session.number and not self.streaming
            case "make_draft":
                return bool(session.source) and not self.streaming
        return super().check_action(action, parameters)

    @on(messages.ModelReady)
    @on(messages.ModelHashed)
    @on(messages.ModelFailed)
    @on(messages.Reading)
    @on(messages.DraftRefused)
    @on(messages.DraftGrew)
    @on(messages.DraftEnded)
    @on(messages.DraftEdited)
    @on(messages.Checked)
    @on(messages.CheckFailed)
    def _model_told(self, message: Message) -> None:
        self.drafting.told(message)

    @on(messages.InsertAsked)
    def _insert(self, message: messages.InsertAsked) -> None:
        self.deciding.insert(message.omission)

    @on(messages.DismissAsked)
    @work
    async def _dismiss(self, message: messages.DismissAsked) -> None:
        await self.deciding.settle(message.finding)

    @on(messages.NotePasted)
    @work
    async def _pasted(self, message: messages.NotePasted) -> None:
        await self.choosing.pasted(message.text)

    def on_paste(self, event: events.Paste) -> None:
        """A paste outside the note and every editor: ignored, with a message."""
        event.stop()
        if self.session.number or self.streaming:
            self.complain(EdgemedError(NO_PLACE, PLACES))
        else:
            self.post_message(messages.NotePasted(event.text))

    def _opened(self) -> None:
        """Another note is open."""
        self.deciding.forget()
        self.tell("")
        self.show()
        self.drafting.take_note(parse(self.session.source))
        if not self.app.is_headless:
            interpreter.keep()

    @work
    async def action_open_note(self) -> None:
        """Open a note file, a pasted note, or a saved session."""
        await self.choosing.note()

    @work
    async def open_sample(self) -> None:
        """Begin on the sample note."""
        await self.choosing.sample()

    @work
    async def action_choose_template(self) -> None:
        """Pick a template."""
        await self.choosing.template()

    @work
    async def action_pick(self, number: int) -> None:
        """Take the step that an empty pane names with this number."""
        await self.choosing.step(number)

    @work
    async def action_choose_model(self) -> None:
        """Pick a model."""
        await self.choosing.model()

    @work
    async def action_make_draft(self) -> None:
        """Let the model write."""
        if self.case.template is None and self.session.source:
            await self.action_choose_template().wait()
            if self.case.template is None:
                return
        if not self.deciding.does(self.case.may_draft):
            return
        self.deciding.forget()
        if self.deciding.does(self.drafting.begin):
            self.choosing.used()

    def action_stop(self) -> None:
        """Stop the model."""
        self.model_thread.stop()

    @work
    async def action_sign(self) -> None:
        """Ask for name and reason, then sign; what was not checked is checked again first."""
        self.drafting.check()
        await self.deciding.sign()

    def action_sign_not(self) -> None:
        """Say why the text cannot be signed; one that was not checked is checked again."""
        self.drafting.check()
        self.deciding.does(self.case.may_sign)

    @work
    async def action_export(self) -> None:
        """Ask for a file name and write the signed text."""
        await self.deciding.export()

    @work
    async def action_save(self) -> None:
        """Save the session, encrypted."""
        await self.deciding.save()

    @work
    async def action_name(self) -> None:
        """Give the session a name for the list."""
        await self.deciding.name()

    @work
    async def action_keep_seal(self) -> None:
        """Keep a seal of the audit log elsewhere."""
        await self.deciding.keep_seal()

    @work
    async def action_copy(self) -> None:
        """Put the signed text on the clipboard, once that is allowed."""
        await self.deciding.copy()

    @work
    async def action_compare(self) -> None:
        """The model's draft, or another document, against the open text."""
        await self.documents.compare()

    @work
    async def action_documents(self) -> None:
        """Open another document of the note."""
        await self.documents.choose()

    def action_addendum(self) -> None:
        """Add to the signed text."""
        self.documents.add()


def may(step: Callable[[], object]) -> bool:
    """Whether the case allows a step; nothing is done."""
    try:
        step()
    except Refused:
        return False
    return True
