"""The draft while the model writes: it grows at its end, and each word costs one row of drawing.

The text area of the finished draft would redraw itself completely for every word, and a key
pressed meanwhile would wait for that.
"""

from textual.geometry import Size

from edgemed_tui.literal import literal, visible
from edgemed_tui.widgets.draft_pane import banner
from edgemed_tui.widgets.rows_pane import RowsPane
from edgemed_tui.widgets.wrapping import WrappedRow, rows_of

AHEAD = 32  # rows of room made at once: each time the room grows the screen is laid out again


class StreamPane(RowsPane):
    """What has been written so far. Follows its end in steps until somebody scrolls away."""

    HELP = """## The draft, being written

`escape` stops the model; what it has written stays. Arrow keys and page keys scroll, and the
end is followed as long as it is in view. All other panes and keys work meanwhile."""

    def __init__(self) -> None:
        super().__init__("stream", numbers=False)
        self.border_title = literal("Draft")

    def head(self, demonstration: bool) -> None:
        """Show above the text that it is not for patients."""
        self.border_title = literal("Draft", *banner(demonstration))

    def append(self, text: str) -> None:
        """Add what was written, rewrapping only the last line."""
        if not text:
            return
        following = self._end_in_view()
        self.text += visible(text)
        last = self._rewrap_last_line()
        if len(self.rows) > self.virtual_size.height:
            self.virtual_size = Size(self.wrap_width, len(self.rows) + AHEAD)
        if following and not self._end_in_view():
            self._follow()
        self.refresh_lines(last, len(self.rows) - last)

    def _rewrap_last_line(self) -> int:
        """Rows from the start of the line that was last; the first row that may have changed."""
        if not self.rows or self.wrap_width < 4:
            self._wrapped_at = 0
            self._wrap()
            return 0
        line = self.rows[len(self.rows) - 1].line
        begin = self.rows.begin_of_line(line)
        start = self.rows[begin].start
        self.rows.cut(begin)
        self.rows.extend(
            WrappedRow(row.line + line, row.start + start, row.end + start, row.first)
            for row in rows_of(self.text[start:], self.wrap_width)
        )
        for at in range(begin, len(self.rows)):
            self._drawn.pop(at, None)
        return begin

    def _end_in_view(self) -> bool:
        """Whether the end will be in view once the pane has scrolled: a key moves it in steps."""
        height = self.scrollable_content_region.height
        return len(self.rows) <= self.scroll_target_y + height

    def _follow(self) -> None:
        """Scroll by a third of the pane: between two moves the text is still, to be read."""
        height = self.scrollable_content_region.height
        top = len(self.rows) - max(1, height - height // 3)
        self.scroll_to(y=top, animate=False, immediate=True)
