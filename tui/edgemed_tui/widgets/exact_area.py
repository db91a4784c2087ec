"""An editor of literal text that returns the text it was given, character for character.

A control or invisible character is shown as a sign in its place (`literal.visible`). `exact` is the
text with the characters themselves; an edit changes only what it touches. Pasted control characters
and overrides of direction become U+FFFD, as in a note that is read.
"""

from textual import events
from textual.widgets import TextArea

from edgemed.clinic.note import HIDDEN, SHOWN
from edgemed_tui.literal import kept, visible


class ExactArea(TextArea):
    """A text area with its exact text. A subclass calls `follow` when the text has changed."""

    exact = ""

    def follow(self) -> str:
        """Update the exact text after an edit; pasted text is in it already."""
        self.exact = kept(self.exact, self.text)
        return self.exact

    def replaced(self, start: int, end: int, text: str) -> str:
        """Put `text` in place of characters `start` to `end`; returns it as it is shown."""
        self.exact = self.exact[:start] + text + self.exact[end:]
        return visible(text)

    async def _on_paste(self, event: events.Paste) -> None:
        # Textual calls the text area's own handler next; called from here as well, it pasted twice.
        if not self.read_only:
            event.stop()  # it has found its place
            start, end = sorted(map(self.place_of, self.selection))
            pasted = event.text.replace("\r\n", "\n").replace("\r", "\n")
            event.text = self.replaced(start, end, HIDDEN.sub(SHOWN, pasted))

    def place_of(self, location: tuple[int, int]) -> int:
        """Character offset of a line and column."""
        line, column = location
        return sum(len(row) + 1 for row in self.document.lines[:line]) + column
