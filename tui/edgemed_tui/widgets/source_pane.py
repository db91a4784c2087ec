"""The note as it was written: read-only, numbered, wrapped; pasting into it opens a note."""

from textual import events

from edgemed_tui.literal import literal
from edgemed_tui.messages import NotePasted
from edgemed_tui.widgets.rows_pane import RowsPane

EMPTY = "Paste a note here, or press ctrl+n to open one."


class SourcePane(RowsPane):
    """The source."""

    HELP = """## The note

Exactly as written: read-only, with line numbers. A character that cannot be shown appears
as a sign in its place; none is left out.

The words that bear on the sentence under the draft's cursor are underlined here.

Arrow keys and page keys scroll. Paste a note here to begin, or press `ctrl+n`."""

    def __init__(self) -> None:
        super().__init__("source", numbers=True, empty=EMPTY)
        self.border_title = literal("Note")

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.post_message(NotePasted(event.text))
