"""A line to type in, such as a name or a reason: all lines of a paste are kept."""

from textual import events
from textual.widgets import Input


class TypedLine(Input):
    """An input that joins the lines of a paste; Textual keeps only the first."""

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self._put(event.text)

    def action_paste(self) -> None:
        """Put in what was cut or copied inside edgemed."""
        self._put(self.app.clipboard)

    def _put(self, text: str) -> None:
        rows = (row.strip() for row in text.splitlines())
        self.replace(" ".join(row for row in rows if row), *self.selection)
