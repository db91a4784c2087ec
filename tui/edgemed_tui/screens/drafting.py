"""What the engine does for a session: load, read ahead, write a draft, have it checked.

Every step is begun here and ends in a message of the seat; the session changes with the message.
"""

from typing import ClassVar

from edgemed_models.base import Done, Failed
from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer

from edgemed.clinic import history
from edgemed.clinic import session as steps
from edgemed.clinic.note import Note
from edgemed.clinic.template import Template, readable
from edgemed.errors import EdgemedError
from edgemed.local_models.demonstration import LEARNED, UNLEARNED
from edgemed_tui.desk import Desk, ModelChoice, origin_of
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
    Reading,
)
from edgemed_tui.screens.case import CaseScreen
from edgemed_tui.seat import Seat
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import StatusLine, memory, reading, speed

MEMORY_EVERY = 3.0  # seconds
PAUSE = 0.4  # seconds without a letter after which an edited text is checked


class DraftingScreen(CaseScreen):
    """A session and the model that writes for it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="session.stop"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.note: Note | None = None
        self.template: Template | None = None
        self.choice: ModelChoice | None = None
        self.seat = Seat(desk, self)
        self.context = 0
        self.streaming = False
        # What comes back when a new draft comes to nothing.
        self.previous = (self.session, self.kept, self.saved_as)
        self._pause: Timer | None = None

    def on_mount(self) -> None:
        """Say from now on how much memory all of it takes."""
        self.set_interval(MEMORY_EVERY, self._measure)

    def _measure(self) -> None:
        self.query_one(StatusLine).tell(memory=memory(self.seat.resident_bytes()))

    def on_unmount(self) -> None:
        """The engine ends with its screen."""
        self.seat.close()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Stopping is for a model that writes."""
        if action == "stop":
            return self.streaming
        return super().check_action(action, parameters)

    def take_model(self, choice: ModelChoice) -> None:
        """Load another model."""
        self.choice = choice
        self.tell("loading the model")
        self.seat.load(choice)

    def begin_draft(self) -> None:
        """Let the model write for the note and the template that were chosen."""
        assert self.note is not None and self.template is not None
        self.previous = (self.session, self.kept, self.saved_as)
        self.saved_as = None  # what was saved before, signed perhaps, keeps its file
        self.session = self.kept = steps.opened(self.session.source)
        self.streaming = True
        self.show()
        self.tell("starting")
        self.query_one(StatusLine).tell(speed="")
        self.seat.draft(self.note, self.template)

    def warn_of_template(self) -> None:
        """Say so where the demonstration model is to write what it has not learned."""
        if self.choice is None or self.template is None or not self.choice.demonstration:
            return
        if self.template.name != LEARNED:
            self.complain(EdgemedError(UNLEARNED, "ctrl+t: choose Sample summary; f2: add a model"))

    def action_stop(self) -> None:
        """Stop the model."""
        self.seat.stop()

    @on(ModelReady)
    def _model_ready(self, message: ModelReady) -> None:
        self.context = message.context
        if self.streaming:  # asked for while the model was loading: it is on its way
            return
        self.tell("")
        self.warn_of_template()
        if self.note is not None and not self.session.text:
            self.seat.read(self.note)

    @on(ModelHashed)
    def _model_hashed(self, message: ModelHashed) -> None:
        if self.choice == message.choice:
            self.choice = message.known

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
        self.session, self.kept, self.saved_as = self.previous
        self.show()

    @on(Reading)
    def _reading(self, message: Reading) -> None:
        self.tell(reading(message.progress))

    @on(DraftGrew)
    def _grew(self, message: DraftGrew) -> None:
        rate = f"{message.tokens / message.seconds:.1f} tok/s" if message.seconds > 1 else ""
        self.query_one(StatusLine).tell(doing="writing", speed=rate)
        self.query_one(ReviewPane).stream.append(message.text)

    @on(DraftEnded)
    def _ended(self, message: DraftEnded) -> None:
        ending = message.ending
        if not message.text.strip():
            self._restore()
            self._say_why_nothing_came(ending)
            return
        self.streaming = False
        assert self.template is not None and self.choice is not None
        cut = isinstance(ending, Failed) or ending.reason != "stop"
        text = message.text if cut else self._as_lines(self.template, message.text)
        origin = origin_of(self.choice, self.template, self.context)
        after = steps.drafted(self.session, origin, text, cut=cut)
        self.session = after
        fault = self.owner.ledger.owe(
            lambda log: history.drafted(log, after, self.who, self.desk.clock())
        )
        self.show()
        self._say_how_it_ended(message)
        if fault is not None:
            self.complain(fault)
        self.query_one(ReviewPane).draft.focus()
        self._check()

    def _as_lines(self, template: Template, written: str) -> str:
        """The draft as it is read; as the model wrote it where it is not of the template's form."""
        try:
            return readable(template, written)
        except EdgemedError as error:
            self.complain(error)
            return written

    def _say_why_nothing_came(self, ending: Done | Failed) -> None:
        """No word was written: stopped, broken, or the model had nothing to say."""
        if isinstance(ending, Failed):
            self.complain(EdgemedError(ending.message, ending.hint))
        elif ending.reason == "cancelled":
            self.tell("stopped before the first word")
        else:
            remedy = "try another template, or another model with ctrl+l"
            self.complain(EdgemedError("the model wrote nothing", remedy))

    def _say_how_it_ended(self, message: DraftEnded) -> None:
        status, ending = self.query_one(StatusLine), message.ending
        if isinstance(ending, Failed):
            self.complain(EdgemedError(ending.message, ending.hint))
            return
        self.warn_of_template()
        said = {"stop": "", "length": "! the draft was cut at its token limit"}
        status.tell(
            doing=said.get(ending.reason, "! stopped before its end"), speed=speed(ending.timings)
        )

    @on(DraftEdited)
    def _edited(self, message: DraftEdited) -> None:
        if message.text == self.session.text:
            return
        was_checked = self.session.review is not None
        self.session = steps.edited(self.session, message.text)
        if was_checked:
            self.show()
        else:
            self.query_one(ReviewPane).follow(self.session)
        self._check_after_a_pause()

    def _check_after_a_pause(self) -> None:
        """Check once nothing has been typed for a moment: every letter would begin it anew."""
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._check)

    @on(Checked)
    def _checked(self, message: Checked) -> None:
        self.session = steps.reviewed(self.session, message.text, message.review)
        self.show()

    @on(CheckFailed)
    def _check_failed(self, message: CheckFailed) -> None:
        self.complain(EdgemedError(f"the check failed: {message.where}", "the draft is unchecked"))

    def _check(self) -> None:
        if self.session.origin is not None:
            self.seat.check(self.session.source, self.session.text)
