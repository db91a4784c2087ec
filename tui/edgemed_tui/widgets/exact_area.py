"""An editor of literal text that gives back what it was given, character for character.

What would act on the terminal or hide is shown as a sign in its place (`literal.visible`). `exact`
is the text with the characters themselves; an edit changes in it what the edit touched. Control
characters and overrides of direction are pasted as a note is read: as U+FFFD.
"""

from textual import events
from textual.widgets import TextArea

from edgemed.clinic.note import HIDDEN, SHOWN
from edgemed_tui.literal import kept, visible


class ExactArea(TextArea):
    """A text area with its exact text. Who subclasses it calls `follow` when the text changed."""

    exact = ""

    def follow(self) -> str:
        """The exact text after an edit; what was pasted is in it already."""
        self.exact = kept(self.exact, self.text)
        return self.exact

    def replaced(self, start: int, end: int, text: str) -> str:
        """Note that `text` comes in the place of characters `start` to `end`; how it is shown."""
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
