"""F1: what the focused part is for, and every key that works there now."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Markdown

from edgemed_tui.literal import Words, lines, literal
from edgemed_tui.screens.behind import Over

GENERAL = """## edgemed

A note becomes a draft, the draft is checked against the note, you settle what was found,
and sign. Choose with `ctrl+n` a note, with `ctrl+t` a template; `ctrl+g` drafts.
Nothing leaves this machine, and no patient text is on the disk until you save or export it."""


class HelpScreen(Over[None]):
    """Help of one part of a screen. Its texts are constants; no note is ever shown here."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss(None)", "Close", id="help.close")
    ]

    def __init__(self, behind: Screen[object]) -> None:
        super().__init__()
        focused = behind.focused
        self._about = (focused.HELP if focused else None) or behind.HELP or GENERAL
        self._keys = _keys(behind)

    def compose(self) -> ComposeResult:
        """The words, then the keys."""
        with VerticalScroll(id="help") as box:
            box.border_title = literal("Help")
            box.border_subtitle = literal("escape closes")
            yield Markdown(self._about)
            yield Words(self._keys, id="keys")


def _keys(behind: Screen[object]) -> Content:
    """Key and meaning, one a line, of the bindings that are active and described."""
    seen: dict[str, str] = {}
    for active in behind.active_bindings.values():
        if active.enabled and active.binding.description and active.binding.id:
            key = behind.app.get_key_display(active.binding)
            seen[active.binding.description] = key
    width = max((len(key) for key in seen.values()), default=0)
    return lines(literal((f"{key:>{width}}", "bold"), f"  {what}") for what, key in seen.items())
