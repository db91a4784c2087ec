"""What the model does for a case: load, read ahead, write a draft, have it checked.

Every step begins here and ends in a message of the thread that talks to the model; what happens
to a draft is decided in `edgemed.clinic.case.case`.
"""

from edgemed_models.base import Done, Failed
from textual.message import Message
from textual.timer import Timer

from edgemed.clinic.case.case import Case
from edgemed.clinic.case.drafting import Ended
from edgemed.clinic.note import Note
from edgemed.errors import EdgemedError
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
from edgemed_tui.model_thread import ModelThread
from edgemed_tui.screens.view import View
from edgemed_tui.services import ModelChoice, origin_of
from edgemed_tui.widgets.status import reading, speed

PAUSE = 0.4  # seconds without a letter after which an edited text is checked


class Drafting:
    """A case, and the model that writes for it."""

    def __init__(self, case: Case, model_thread: ModelThread, view: View) -> None:
        self.case, self.model_thread, self.view = case, model_thread, view
        self.note: Note | None = None
        self.choice: ModelChoice | None = None
        self.context = 0
        self.check_broke = False  # the last check of the open text, which is still unchecked
        self._writer: ModelChoice | None = None  # of the running draft
        self._pause: Timer | None = None

    def take_model(self, choice: ModelChoice) -> None:
        """Load another model."""
        self.choice = choice
        self.view.tell("loading the model")
        self.model_thread.load(choice)

    def take_note(self, note: Note) -> None:
        """The case has another note; what was written for the last one ends."""
        self.note, self.check_broke = note, False
        if self.case.session.text:
            self.model_thread.stop()
            self.check()
        else:
            self.model_thread.read(note)

    def begin(self) -> None:
        """Let the model write for the note and the template that were chosen."""
        draft = self.case.begin_draft()
        self.check_broke = False
        assert self.note is not None
        self._writer = self.choice
        self.view.show()
        self.view.tell("starting")
        self.view.status.tell(speed="")
        self.model_thread.draft(self.note, draft)

    def warn_of_template(self) -> None:
        """Say what a demonstration model cannot do, or that it has not learned this."""
        choice, template = self.choice, self.case.template
        if choice is None or template is None or not (said := choice.warning(template)):
            return
        self.view.complain(EdgemedError(said, LIMITED if choice.limits else ANOTHER))

    def told(self, message: Message) -> None:
        """Take a message of the model's thread, or of the text that is edited."""
        match message:
            case ModelReady():
                self._ready(message.context)
            case ModelHashed():
                self._hashed(message)
            case Reading():
                self.view.status.tell(doing=reading(message.progress))
            case DraftGrew():
                self._grew(message)
            case DraftEnded():
                self._ended(message)
            case DraftRefused():
                self._refused(message)
            case ModelFailed():
                self.view.complain(EdgemedError(message.message, message.hint))
            case DraftEdited():
                self._edited(message)
            case Checked():
                self.case.reviewed(message.text, message.review)
                self.view.show()
            case CheckFailed():
                self.check_broke = self.case.unchecked
                said = f"the check failed: {message.where}"
                self.view.show()
                self.view.complain(EdgemedError(said, CHECK_AGAIN))

    def check(self) -> None:
        """Have the present text checked, if it is not."""
        self.check_broke = False
        if self.case.unchecked:
            self.model_thread.check(self.case.session.source, self.case.session.text)

    def _ready(self, context: int) -> None:
        self.context = context
        if self.case.draft:  # asked for while the model was loading: it is on its way
            return
        self.view.status.tell(doing="")
        self.warn_of_template()
        if self.note is not None and not self.case.session.text:
            self.model_thread.read(self.note)

    def _hashed(self, message: ModelHashed) -> None:
        if self.choice == message.choice:
            self.choice = message.known
        if self._writer == message.choice:
            self._writer = message.known

    def _grew(self, message: DraftGrew) -> None:
        if message.draft is not self.case.draft:
            return
        rate = f"{message.tokens / message.seconds:.1f} tok/s" if message.seconds > 1 else ""
        self.view.status.tell(doing="writing", speed=rate)
        self.view.panes.stream.append(message.text)

    def _refused(self, message: DraftRefused) -> None:
        if self.case.no_draft(message.draft):
            self.view.show()
            self.view.complain(EdgemedError(message.message, message.hint))

    def _ended(self, message: DraftEnded) -> None:
        draft, answer = message.draft, message.answer
        if draft is not self.case.draft:  # belongs to a case that was left meanwhile
            return
        assert self._writer is not None
        origin = origin_of(self._writer, draft.template, message.settings)
        ended = self.case.end_draft(draft, answer, origin)
        self.view.show()
        assert answer.end is not None
        self._say_how_it_ended(ended, answer.end)
        if ended.became == "draft":
            self.view.panes.draft.focus()
        self.check()

    def _say_how_it_ended(self, ended: Ended, ending: Done | Failed) -> None:
        """Show how the draft ended, then any other messages."""
        if isinstance(ending, Failed):
            kept = EARLIER + "; " + ending.hint if ended.became == "earlier text" else ending.hint
            self.view.complain(EdgemedError(ending.message, kept))
        elif ended.became == "nothing":
            self._say_why_nothing_came(ending)
        else:
            self.warn_of_template()
            said = STOPPED_OVER if ended.became == "earlier text" else ENDINGS[ending.reason]
            self.view.status.tell(doing=said, speed=speed(ending.timings))
        for fault in ended.faults:
            self.view.complain(fault)

    def _say_why_nothing_came(self, ending: Done) -> None:
        """No word was written: stopped, or the model had nothing to say."""
        if ending.reason == "cancelled":
            self.view.tell("stopped before the first word")
        else:
            remedy = "try another template, or another model with ctrl+l"
            self.view.complain(EdgemedError("the model wrote nothing", remedy))

    def _edited(self, message: DraftEdited) -> None:
        session, text = self.case.session, message.text
        of_another = self.case.draft is not None or message.number != session.number
        if of_another or session.signature is not None or text == session.text:
            return  # in all of these the pane follows the case, not the other way round
        if not self.view.panes.draft.holds(text):
            return  # more was typed since: what the pane holds now comes in a message of its own
        self.case.edit(text)
        self.check_broke = False
        if session.review is not None:
            self.view.show()
        else:
            self.view.panes.follow(self.case.session)
        self._check_after_a_pause()

    def _check_after_a_pause(self) -> None:
        """Check once nothing has been typed for a moment: every letter would restart the check."""
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.view.set_timer(PAUSE, self.check)


CHECK_AGAIN = "s checks it again; until then the draft is unchecked"
LIMITED = "a demonstration: read its draft as one; f2: add a larger model"
ANOTHER = "ctrl+t: choose Sample summary; f2: add a model"
EARLIER = "the earlier text is back"
STOPPED_OVER = f"! stopped before its end: {EARLIER}"
ENDINGS = {
    "stop": "",
    "length": "! cut at its token limit",
    "loop": "! ended: the model repeats itself",
    "cancelled": "! stopped before its end",
}
