"""The note as it was written: read-only, numbered, wrapped; pasting into it opens a note.

Rows are counted once for a width, so that a note of many thousand lines scrolls at once.
"""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from edgemed.clinic.findings import Span
from edgemed_tui.literal import literal, visible
from edgemed_tui.messages import NotePasted

TAB = 8  # columns between tab stops
EMPTY = "Paste a note here, or press ctrl+n to open one."


class Row(NamedTuple):
    """One row of the screen: its line (from 0), and the characters of the text it shows."""

    line: int
    start: int
    end: int
    first: bool


class SourcePane(ScrollView, can_focus=True):
    """The source."""

    HELP = """## The note

Exactly as written: read-only, with line numbers. A character that cannot be shown appears
as a sign in its place; none is left out.

The words that bear on the sentence under the draft's cursor are underlined here.

Arrow keys and page keys scroll. Paste a note here to begin, or press `ctrl+n`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"source--number", "source--evidence"}
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(id="source")
        self.border_title = literal("Note")
        self.text = ""
        self.evidence: tuple[Span, ...] = ()
        self._rows: list[Row] = []
        self._wrapped_at = 0

    def load(self, text: str) -> None:
        """Show `text` from its start."""
        self.text = visible(text)
        self.evidence = ()
        self._wrapped_at = 0
        self._wrap()
        self.scroll_home(animate=False)

    def show_evidence(self, spans: tuple[Span, ...]) -> None:
        """Underline `spans` and bring the first into view."""
        self.evidence = spans
        if spans:
            row = self.row_of(spans[0].start)
            top, height = self.scroll_offset.y, self.scrollable_content_region.height
            if not top <= row < top + height - 1:
                self.scroll_to(y=max(0, row - height // 3), animate=False)
        self.refresh()

    def row_of(self, offset: int) -> int:
        """The row that shows character `offset`."""
        return max(0, bisect_right(self._rows, offset, key=lambda row: row.start) - 1)

    def on_resize(self) -> None:
        """Another width wraps at other places; the top line stays the top line."""
        top = self._rows[self.scroll_offset.y].start if self._rows else 0
        if self._wrap():
            self.scroll_to(y=self.row_of(top), animate=False)

    def render_line(self, y: int) -> Strip:
        """One row: number, text, marks."""
        at = self.scroll_offset.y + y
        if not self.text:
            words = EMPTY if y == 0 else ""
            dim = self.get_component_rich_style("source--number")
            return Strip([Segment(words, dim)], len(words)).adjust_cell_length(self.size.width)
        if at >= len(self._rows):
            return Strip.blank(self.size.width, self.rich_style)
        row = self._rows[at]
        number = f"{row.line + 1:>{self._digits}}  " if row.first else " " * (self._digits + 2)
        strip = Strip([Segment(number, self.get_component_rich_style("source--number"))])
        body = Strip(list(self._segments(row)))
        return Strip.join([strip, body]).adjust_cell_length(self.size.width, self.rich_style)

    @property
    def _digits(self) -> int:
        return len(str(self.text.count("\n") + 1)) if self.text else 1

    def _wrap(self) -> bool:
        """Count rows for the present width; whether anything changed."""
        room = self.content_region.width - self.styles.scrollbar_size_vertical
        width = room - self._digits - 2
        if width < 4 or width == self._wrapped_at:
            return False
        self._wrapped_at = width
        self._rows = list(rows_of(self.text, width))
        self.virtual_size = Size(room, len(self._rows))
        self.refresh()
        return True

    def _segments(self, row: Row) -> Iterator[Segment]:
        """The row's text, cut where evidence begins and ends; tabs as spaces."""
        cuts = {row.start, row.end}
        for span in self.evidence:
            cuts |= {min(max(p, row.start), row.end) for p in span}
        ordered, column = sorted(cuts), 0
        for start, end in pairwise(ordered):
            shown, column = expanded(self.text[start:end], column)
            yield Segment(shown, self._style_at(start))

    def _style_at(self, offset: int) -> Style:
        if any(span.start <= offset < span.end for span in self.evidence):
            return self.get_component_rich_style("source--evidence")
        return self.rich_style

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.post_message(NotePasted(event.text))


def rows_of(text: str, width: int) -> Iterator[Row]:
    """Every row of `text` at `width` columns, wrapped at spaces where there are any."""
    lines = text.split("\n")
    starts = accumulate((len(line) + 1 for line in lines[:-1]), initial=0)
    for number, (line, start) in enumerate(zip(lines, starts, strict=True)):
        begin = 0
        while True:
            end = fitting(line, begin, width)
            yield Row(number, start + begin, start + end, begin == 0)
            if end >= len(line):
                break
            begin = end


def fitting(line: str, begin: int, width: int) -> int:
    """Where a row that begins at `begin` ends: after the last space that fits, else when full."""
    rest = line[begin:]
    if "\t" not in rest and ((rest.isascii() and len(rest) <= width) or cell_len(rest) <= width):
        return len(line)
    column, space = 0, 0
    for at, character in enumerate(rest):
        column += step(character, column)
        if column > width:
            end = space or at
            return begin + max(1, end)
        if character in " \t":
            space = at + 1
    return len(line)


def step(character: str, column: int) -> int:
    """Columns that `character` takes at `column`."""
    return TAB - column % TAB if character == "\t" else get_character_cell_size(character)


def expanded(text: str, column: int) -> tuple[str, int]:
    """`text` with tabs as spaces, and the column after it."""
    if "\t" not in text:
        return text, column + cell_len(text)
    shown = ""
    for character in text:
        width = step(character, column)
        shown += " " * width if character == "\t" else character
        column += width
    return shown, column
