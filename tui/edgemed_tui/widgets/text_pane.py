"""A pane of literal text whose spans can be marked: the source, and under it the draft.

Spans count characters of the text as it was given; marks are shown by underline and weight as
well as by colour.
"""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from edgemed.clinic.findings import Span
from edgemed_tui.literal import visible

Location = tuple[int, int]


class Mark(NamedTuple):
    """`span` shown in the style of component class `text-pane--<kind>`."""

    span: Span
    kind: str


class TextPane(TextArea):
    """Text with line numbers and marks; wrapped, literal, never highlighted as a language."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "text-pane--sentence",
        "text-pane--major",
        "text-pane--minor",
    }

    def __init__(self, id: str, *, line_numbers: bool) -> None:
        super().__init__(
            id=id,
            read_only=True,
            soft_wrap=True,
            show_line_numbers=line_numbers,
            highlight_cursor_line=False,
        )
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self._marks: dict[int, list[tuple[int, int, str]]] = {}

    def load(self, text: str) -> None:
        """Show `text` from its start, without marks and without anything to undo."""
        self._marks = {}
        self.load_text(visible(text))
        self.scroll_home(animate=False)

    def mark(self, marks: Iterable[Mark]) -> None:
        """Show these marks and no others."""
        self._marks = {}
        for span, kind in marks:
            for line, start, end in self._by_line(span):
                self._marks.setdefault(line, []).append((start, end, kind))
        self._line_cache.clear()
        self.refresh()

    def get_line(self, line_index: int) -> Text:
        """The line with its marks; called by the text area for each line it draws."""
        line = super().get_line(line_index)
        for start, end, kind in self._marks.get(line_index, ()):
            style = self.get_component_rich_style(f"text-pane--{kind}", partial=True)
            line.stylize(style, start, end)
        return line

    def look_at(self, span: Span) -> None:
        """Bring the start of `span` into view, and the cursor with it."""
        self.move_cursor(self.location_of(span.start), center=True)

    def select(self, span: Span) -> None:
        """Select `span`."""
        self.selection = Selection(self.location_of(span.start), self.location_of(span.end))

    def location_of(self, offset: int) -> Location:
        """Line and column of character `offset`."""
        starts = self.line_starts
        line = max(0, bisect_right(starts, offset) - 1)
        return line, offset - starts[line]

    def offset_of(self, location: Location) -> int:
        """Character offset of a line and column."""
        line, column = location
        return self.line_starts[line] + column

    @property
    def line_starts(self) -> list[int]:
        """Offset of the first character of every line."""
        lengths = (len(line) + 1 for line in self.document.lines[:-1])
        return list(accumulate(lengths, initial=0))

    @property
    def cursor_offset_in_text(self) -> int:
        """Character offset of the cursor."""
        return self.offset_of(self.cursor_location)

    def _by_line(self, span: Span) -> Iterable[tuple[int, int, int]]:
        """`span` cut at line ends: line, first column, last column (excluded)."""
        top, first = self.location_of(span.start)
        bottom, last = self.location_of(span.end)
        for line in range(top, bottom + 1):
            start = first if line == top else 0
            end = last if line == bottom else len(self.document.get_line(line))
            yield line, start, end
