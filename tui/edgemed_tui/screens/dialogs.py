"""Short questions: a reason, a name, a passphrase, yes or no. Escape answers none."""

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList

from edgemed.clinic.case import sessions
from edgemed.clinic.case.session import OTHER
from edgemed.errors import Refused
from edgemed_tui.literal import Words, literal, row
from edgemed_tui.screens.behind import Over
from edgemed_tui.sentences import capital, sentences
from edgemed_tui.widgets.typed_line import TypedLine

T = TypeVar("T")


class Dialog(Over[T | None]):
    """A titled box in the middle; subclasses give its `body` and answer with `dismiss`."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="dialog.close")
    ]

    def __init__(self, title: str, hint: str = "enter confirms, escape goes back") -> None:
        super().__init__()
        self._heading = title
        self._hint = hint

    def compose(self) -> ComposeResult:
        """The box around the body."""
        with Vertical(id="dialog") as box:
            box.border_title = literal(self._heading)
            box.border_subtitle = literal(self._hint)
            yield from self.body()
            yield Words(id="fault")

    def body(self) -> ComposeResult:
        """The question."""
        raise NotImplementedError

    def fault(self, words: str) -> None:
        """Say why the answer is not accepted."""
        said = self.query_one("#fault", Words)
        said.say(words)
        said.call_after_refresh(said.scroll_visible, animate=False)

    def typed(self, name: str) -> str:
        """The text of the line called `name`."""
        return self.query_one(f"#{name}", Input).value


class Confirm(Dialog[bool]):
    """Yes or no, no first."""

    def __init__(self, title: str, words: str, yes: str, no: str) -> None:
        super().__init__(title, "↑ ↓ choose, enter takes the marked answer")
        self._words, self._yes, self._no = words, yes, no

    def body(self) -> ComposeResult:
        """The words, then the two answers."""
        yield Words(self._words, classes="about")
        yield OptionList(row(self._no), row(self._yes), markup=False, compact=True)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index == 1)


SaveOrLose = Literal["save", "lose"]
ANSWERS: dict[SaveOrLose | None, str] = {
    None: "Go back",
    "save": "Save it, encrypted",
    "lose": "Discard it",
}


class AskUnsaved(Dialog[SaveOrLose]):
    """What to do with work that would be lost; going back comes first."""

    def __init__(self, words: str, *, can_save: bool) -> None:
        super().__init__("Unsaved work", "↑ ↓ choose, enter takes the marked answer")
        self._words = words
        self._answers: list[SaveOrLose | None] = (
            [None, "save", "lose"] if can_save else [None, "lose"]
        )

    def body(self) -> ComposeResult:
        """The words, then the answers."""
        yield Words(self._words, classes="about")
        yield OptionList(*(row(ANSWERS[a]) for a in self._answers), markup=False, compact=True)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._answers[event.option_index])


CHOOSE = "Choose a reason with the arrows, or type your own."
OWN_WORDS = "your own words (kept with the summary, not in the log)"


class DismissalReason(NamedTuple):
    """Why a finding is dismissed: a listed reason, and words of one's own."""

    reason: str
    words: str


class AskReason(Dialog[DismissalReason]):
    """Why does this finding not count?"""

    def __init__(self, finding: Content, reasons: Sequence[str], words: str = "") -> None:
        super().__init__(
            "Dismiss this finding", "enter dismisses, tab to your own words, escape goes back"
        )
        self._finding = finding
        self._reasons = reasons
        self._words = words

    def body(self) -> ComposeResult:
        """The finding, the listed reasons, a line for one's own words."""
        yield Words(self._finding, classes="about")
        yield OptionList(*(row(r) for r in self._reasons), markup=False, compact=True)
        yield TypedLine(
            self._words,
            placeholder=OWN_WORDS,
            id="words",
            compact=True,
            select_on_focus=False,
        )

    def on_mount(self) -> None:
        """No reason is preselected."""
        self.query_one(OptionList).highlighted = None

    def on_key(self, event: events.Key) -> None:
        """Letters typed over the list start the line for one's own words."""
        words = self.query_one(Input)
        if words.has_focus:
            return
        if event.key == "enter" and self.query_one(OptionList).highlighted is None:
            event.stop()
            self.fault(CHOOSE)
            return
        if event.character is None or not event.is_printable:
            return
        event.stop()
        self.query_one(OptionList).highlighted = self._reasons.index(OTHER)
        words.focus()
        words.insert_text_at_cursor(event.character)

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _answer(self) -> None:
        chosen = self.query_one(OptionList).highlighted
        if chosen is None and not self.typed("words").strip():
            self.fault(CHOOSE)
            return
        reason = OTHER if chosen is None else self._reasons[chosen]
        if reason == OTHER and not self.typed("words").strip():
            self.fault("Type why this finding does not count.")
            self.query_one(Input).focus()
            return
        self.dismiss(DismissalReason(reason, self.typed("words")))


WHY_ANYWAY = "type why; without a reason it is not signed"


class Attest(NamedTuple):
    """Who signs, and why with something open."""

    by: str
    reason: str


class AskSignature(Dialog[Attest]):
    """Name and, where something major is open, a typed reason."""

    def __init__(self, about: Content, name: str, *, reason_needed: bool, reason: str = "") -> None:
        super().__init__(
            "Sign this summary", "enter goes on, tab to the next line, escape goes back"
        )
        self._about, self._name, self._reason_needed = about, name, reason_needed
        self._reason = reason

    def body(self) -> ComposeResult:
        """What is signed, by whom, and why anyway."""
        yield Words(self._about, classes="about")
        yield Words("Your name", classes="label")
        yield TypedLine(self._name, placeholder="type it here", id="by", compact=True)
        if self._reason_needed:
            yield Words("Why you sign anyway", classes="label")
            yield TypedLine(self._reason, placeholder=WHY_ANYWAY, id="reason", compact=True)

    @on(Input.Submitted)
    def _answer(self) -> None:
        reason = self.typed("reason") if self._reason_needed else ""
        if not self.typed("by").strip():
            self.fault("A signature needs a name.")
            self.query_one("#by").focus()
        elif self._reason_needed and not reason.strip():
            self.fault("Type a reason, or go back and settle what is open.")
            self.query_one("#reason").focus()
        else:
            self.dismiss(Attest(self.typed("by"), reason))


class AskPassphrase(Dialog[str]):
    """A passphrase, twice when it is a new one."""

    def __init__(self, title: str, about: str, *, new: bool) -> None:
        super().__init__(title)
        self._about, self._new = about, new

    def body(self) -> ComposeResult:
        """One line, or two that must agree."""
        yield Words(self._about, classes="about")
        yield Input(placeholder="passphrase", password=True, id="first", compact=True)
        if self._new:
            yield Input(placeholder="the same again", password=True, id="second", compact=True)

    @on(Input.Submitted, "#first")
    def _first(self) -> None:
        if not self._new:
            self.dismiss(self.typed("first"))
            return
        try:
            sessions.may_lock(self.typed("first"))
        except Refused as error:
            self.fault(sentences(capital(error.message), capital(error.hint)))
            return
        self.fault("")
        self.query_one("#second").focus()

    @on(Input.Submitted, "#second")
    def _second(self) -> None:
        if self.typed("first") == self.typed("second"):
            self.dismiss(self.typed("first"))
            return
        for line in self.query(Input):
            line.clear()
        self.query_one("#first").focus()
        self.fault("The two are not the same: type both again.")


class AskName(Dialog[str]):
    """What something is called; may be empty."""

    def __init__(self, title: str, about: str, present: str) -> None:
        super().__init__(title)
        self._about, self._present = about, present

    def body(self) -> ComposeResult:
        """One line."""
        yield Words(self._about, classes="about")
        yield TypedLine(self._present, id="name", compact=True)

    @on(Input.Submitted)
    def _answer(self) -> None:
        self.dismiss(self.typed("name").strip())
