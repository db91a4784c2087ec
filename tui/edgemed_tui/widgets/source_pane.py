"""The note as it was written: read-only, numbered, wrapped; pasting into it opens a note."""

from textual import events

from edgemed.amounts import amount
from edgemed.clinic.reading.addressed import addressed
from edgemed_tui.literal import literal
from edgemed_tui.messages import NotePasted
from edgemed_tui.widgets.rows_pane import RowsPane

EMPTY = """Start with a note

  1  open a file, or a saved session
  2  paste or type it
  3  try the sample (an invented patient)

Or paste it here."""


class SourcePane(RowsPane):
    """The source."""

    HELP = """## The note

Exactly as written: read-only, with line numbers. A character that cannot be shown appears
as a sign in its place; none is left out.

`!` before a line: text that may speak to the model, and not about the patient. It tells the
model what to write, or comes after a line that ends the note, or is coded or disguised. See
whether it belongs there: what a draft has only from such text is a finding.

The words that bear on the sentence under the draft's cursor are underlined here.

Arrow keys and page keys scroll. Paste a note here to begin, or press `ctrl+n`."""

    def __init__(self) -> None:
        super().__init__("source", numbers=True, empty=EMPTY)
        self.border_title = literal("Note")

    def load(self, text: str) -> None:
        """Show `text` from its start, with a sign before text that may speak to the model."""
        super().load(text)
        places = addressed(text)
        self.mark(tuple(place.span for place in places))
        count = amount(len(places), "place")
        told = f"  ! may speak to the model: {count}" if places else ""
        self.border_title = literal(f"Note{told}")

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.post_message(NotePasted(event.text))
