"""Two texts compared: the model's draft, or another document, with the open one."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from edgemed_tui.literal import Words, lines, literal
from edgemed_tui.screens.behind import Over
from edgemed_tui.widgets.difference import rows


class CompareScreen(Over[None]):
    """A diff by lines, and within changed lines by words."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "dismiss(None)", "Close", id="compare.close")
    ]

    def __init__(self, before: str, after: str, old: str = "the model's draft") -> None:
        super().__init__()
        self._before, self._after, self._old = before, after, old

    def compose(self) -> ComposeResult:
        """One column, scrolled by keys."""
        with VerticalScroll(id="compare") as box:
            box.border_title = literal(
                f"{self._old[0].upper()}{self._old[1:]} (-) and the open text (+)"
            )
            box.border_subtitle = literal("escape closes")
            same = self._before == self._after
            yield Words("Nothing is different." if same else lines(rows(self._before, self._after)))
