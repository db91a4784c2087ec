"""The first window: what edgemed is, what was found on this machine, three ways to begin."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList

from edgemed.clinic.case.session import DEMONSTRATION
from edgemed.errors import EdgemedError
from edgemed.machine.check import Check
from edgemed_tui.crash import place_of
from edgemed_tui.literal import Words, lines, literal, row
from edgemed_tui.remedies import complaint
from edgemed_tui.screens.behind import Over
from edgemed_tui.services import Services

Beginning = Literal["sample", "note", "start"]

ABOUT = """edgemed drafts a summary of a clinical note with a language model on this machine, and
shows for every sentence what the note says about it. You read, correct and sign. Nothing leaves
this machine, and no patient text is on the disk until you save or export it."""
AGAIN = "  in a terminal: edgemed doctor"
ADD = """To add a real model: escape, then f2, then a
To see which models suit, in a terminal: edgemed models cards
A small one for trying, 98 MB: edgemed models get smollm2-135m"""
SIGNS = {"ok": "  ok      ", "warning": "! warning ", "failure": "✕ failure "}


class WelcomeScreen(Over[Beginning]):
    """Shown once; later the palette brings it back."""

    CSS_PATH = "welcome.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('start')", "Begin", id="welcome.close")
    ]

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._ways = ways(services)

    def compose(self) -> ComposeResult:
        """The words, what was found, what to do."""
        with VerticalScroll(id="welcome", can_focus=False) as box:
            box.border_title = literal("Welcome to edgemed")
            box.border_subtitle = literal("↑ ↓ choose, enter begins, escape closes")
            yield Words(" ".join(ABOUT.split()))
            yield OptionList(*(row(text) for _, text in self._ways), markup=False, compact=True)
            yield Words("This machine", classes="heading")
            yield Words("checking …", id="found")
            yield Words("Models", classes="heading")
            yield Words(models(self._services))

    def on_mount(self) -> None:
        """Check the machine in a thread."""
        self._look()

    @work(thread=True, exit_on_error=False)
    def _look(self) -> None:
        try:
            words = checks(list(self._services.doctor()))
        except Exception as error:  # last resort of the thread
            words = lines([literal(f"! not checked: {place_of(error)}"), literal(AGAIN)])
        self.app.call_from_thread(self.query_one("#found", Words).say, words)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._ways[event.option_index][0])


def ways(services: Services) -> list[tuple[Beginning, str]]:
    """What can be done now."""
    sample: list[tuple[Beginning, str]] = [
        ("sample", "Try it on a sample note (an invented patient)")
    ]
    begin: list[tuple[Beginning, str]] = [
        ("note", "Open a note"),
        ("start", "Go to the empty screen"),
    ]
    return [*(sample if services.sample else []), *begin]


def checks(found: Sequence[Check]) -> Content:
    """The checks with problems and their remedies, after one line that names the others: a small
    window has no room for more."""
    well = ", ".join(check.name for check in found if check.state == "ok")
    rows = [literal(SIGNS["ok"], well)] if well else []
    for check in found:
        if check.state != "ok":
            rows.append(literal((SIGNS[check.state], "bold"), f"{check.name}: {check.found}"))
            rows.append(literal((f"          {check.remedy}", "dim")))
    return lines(rows)


def models(services: Services) -> Content:
    """The models that are here, and how to add one."""
    try:
        found = services.models()
    except EdgemedError as error:
        return literal(complaint(error))
    rows = [
        literal(f"  {m.name}  {m.about}", (f"  {DEMONSTRATION}" if m.demonstration else "", "bold"))
        for m in found
    ] or [literal("  none yet")]
    return lines([*rows, literal(""), *(literal(line) for line in ADD.splitlines())])
