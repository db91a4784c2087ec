"""Protocols: what the session screen's helpers may ask of it and of the app."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from textual.screen import Screen
from textual.timer import Timer

from edgemed.errors import EdgemedError
from edgemed_tui.settings import Settings
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import StatusLine

T = TypeVar("T")


class Owner(Protocol):
    """The app: its settings, and its clipboard."""

    settings: Settings

    def remember(self, **changes: Any) -> None:
        """Keep a setting."""

    def action_clipboard(self) -> None:
        """Allow or forbid copying; the change is logged."""

    def release(self, text: str) -> None:
        """Give signed text to the terminal's clipboard."""


class View(Protocol):
    """The session screen: shows and asks."""

    @property
    def panes(self) -> ReviewPane:
        """Note, draft and findings."""

    @property
    def status(self) -> StatusLine:
        """The line that says what is being done."""

    def show(self) -> None:
        """Show the case as it is now."""

    def tell(self, words: str) -> None:
        """Show that something was done."""

    def complain(self, error: EdgemedError) -> None:
        """Say what went wrong and what to do about it."""

    async def ask(self, dialog: Screen[T]) -> T | None:
        """Wait for the answer to a dialog; only inside a worker."""

    def set_timer(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back after `delay` seconds."""
