"""The app: what holds on every screen, and what it refuses to give away."""

import sys
from collections.abc import Iterable
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from edgemed_tui.crash import report
from edgemed_tui.desk import Desk
from edgemed_tui.literal import literal
from edgemed_tui.screens.session import SessionScreen


class EdgemedApp(App[None]):
    """Everything in the terminal; a session in memory, gone when it closes."""

    TITLE = "edgemed"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True),
        Binding("f1", "help", "Help", id="app.help", priority=True),
    ]

    def __init__(self, desk: Desk, note: str | None = None) -> None:
        super().__init__()
        self.desk = desk
        self._note = note

    def on_mount(self) -> None:
        """Open the session screen."""
        self.push_screen(SessionScreen(self.desk, self._note))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette's own commands, without Screenshot: it writes the screen to disk."""
        kept = (c for c in super().get_system_commands(screen) if c.title != "Screenshot")
        yield from kept

    def _fatal_error(self) -> None:
        """Textual would print every variable of the crashed frames; type and place must do."""
        error = sys.exc_info()[1] or self._exception
        self._exit_renderables.append(literal(report(error) if error else "edgemed stopped").plain)
        self._close_messages_no_wait()
