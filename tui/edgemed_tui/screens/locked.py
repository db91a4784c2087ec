"""The idle lock: covers everything until the passphrase is typed, if there is one."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from edgemed.clinic.case import sessions
from edgemed_tui.literal import Words, literal

HIDDEN = """No passphrase is set, so this only hides the text: enter returns.
Save once (ctrl+s) to set one."""


class LockScreen(ModalScreen[None]):
    """An opaque cover; escape does not close it, and the palette does not open over it."""

    CSS_PATH = "locked.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, lock: sessions.Lock | None) -> None:
        super().__init__()
        self._lock = lock

    def compose(self) -> ComposeResult:
        """A line for the passphrase."""
        with Vertical(id="lock") as box:
            box.border_title = literal("edgemed is locked")
            yield Words("The passphrase of this session:" if self._lock else HIDDEN)
            yield Input(
                password=True,
                placeholder="type the passphrase" if self._lock else "press enter",
                compact=True,
            )
            yield Words(id="wrong")

    @on(Input.Submitted)
    def _try(self, event: Input.Submitted) -> None:
        if self._lock is None or sessions.opens(self._lock, event.value):
            self.dismiss(None)
            return
        event.input.clear()
        self.query_one("#wrong", Words).say("Wrong passphrase.")
