"""The note as it was written: read-only, numbered, wrapped; pasting into it opens a note."""

from textual import events

from edgemed.clinic.findings import Span
from edgemed_tui.literal import literal
from edgemed_tui.messages import NotePasted
from edgemed_tui.widgets.text_pane import Mark, TextPane


class SourcePane(TextPane):
    """The source."""

    HELP = """## The note

Exactly as written: read-only, with line numbers. A character that cannot be shown appears
as a sign in its place; none is left out.

The words that bear on the sentence under the draft's cursor are underlined here.

Arrow keys and page keys scroll. Paste a note here to begin, or press `ctrl+n`."""

    def __init__(self) -> None:
        super().__init__("source", line_numbers=True)
        self.border_title = literal("Note")
        self._starts = [0]
        self.placeholder = "Paste a note here, or press ctrl+n to open one."

    def load(self, text: str) -> None:
        """Show `text`; its lines are counted once, for it does not change."""
        super().load(text)
        self._starts = super().line_starts

    @property
    def line_starts(self) -> list[int]:
        """Offset of the first character of every line."""
        return self._starts

    def show_evidence(self, spans: tuple[Span, ...]) -> None:
        """Underline `spans` and bring the first into view."""
        self.mark(Mark(span, "evidence") for span in spans)
        if spans:
            self.look_at(spans[0])

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.post_message(NotePasted(event.text))
