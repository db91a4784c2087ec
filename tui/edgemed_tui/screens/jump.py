"""Jump mode: every part that takes keys gets a letter; pressing it goes there."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from edgemed_tui.literal import Words
from edgemed_tui.screens.behind import Over

LETTERS = "asdfghjklqwertyuiop"


class JumpScreen(Over[Widget | None]):
    """Letters over the parts of the screen below."""

    CSS_PATH = "jump.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Stay here", id="jump.close")
    ]

    def __init__(self, behind: Screen[object]) -> None:
        super().__init__()
        chain = [w for w in behind.focus_chain if w.region.area]
        self._targets = dict(zip(LETTERS, chain, strict=False))

    def compose(self) -> ComposeResult:
        """One letter for each target, at its top left corner."""
        for letter, widget in self._targets.items():
            label = Words(f" {letter} ", classes="jump")
            label.styles.offset = (widget.region.x + 1, widget.region.y)
            yield label
        yield Words("press a letter to go there, escape to stay", id="hint")

    def on_key(self, event: events.Key) -> None:
        """A letter jumps to its part."""
        if event.key in self._targets:
            event.stop()
            self.dismiss(self._targets[event.key])
