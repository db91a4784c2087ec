"""A line of one's own words, such as a name or a reason: of a paste every line is kept."""

from textual import events
from textual.widgets import Input


class TypedLine(Input):
    """An input that puts the lines of a paste one behind the other; Textual keeps the first."""

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
