"""A pane of literal text whose spans can be marked, such as the draft.

Spans count characters of the text as it was given; marks are shown by underline and weight as
well as by colour.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Offset, Region
from textual.strip import Strip
from textual.widgets.text_area import Selection

from edgemed.clinic.findings import Span
from edgemed_tui.literal import visible
from edgemed_tui.widgets.exact_area import ExactArea

Location = tuple[int, int]
Content = tuple[str, int, int, tuple[tuple[int, int, str], ...]]
"""A line's text, the columns where the row begins and ends, and the marks on the line."""

SIGNS = {"major": "▲", "minor": "△"}
"""Signs in the margin by the kind of mark, gravest first."""

MOST_DRAWN = 2000  # rows kept as they were drawn


class Mark(NamedTuple):
    """`span` shown in the style of component class `text-pane--<kind>`."""

    span: Span
    kind: str


class TextPane(ExactArea):
    """Text with line numbers and marks; wrapped, literal, without syntax highlighting."""

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
        self._drawn: dict[Content, Strip] = {}
        self._look: tuple[object, ...] = ()

    def load(self, text: str) -> None:
        """Show `text` from its start, without marks and without anything to undo."""
        self._marks = {}
        self.exact = text
        self.load_text(visible(text))
        self.scroll_home(animate=False)

    def mark(self, marks: Iterable[Mark]) -> None:
        """Show these marks and no others."""
        before, self._marks = self._marks, {}
        starts = self.line_starts
        for span, kind in marks:
            for line, start, end in self._by_line(span, starts):
                self._marks.setdefault(line, []).append((start, end, kind))
        if self._marks != before:
            self._line_cache.clear()
            self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """What is in view: rows as they were drawn before, unless the cursor or an edit is there.

        The text area by itself redraws every row for each letter.
        """
        gutter, height = self.styles.gutter, self.outer_size.height
        if not self.text or crop.column_span != (0, self.outer_size.width):
            return super().render_lines(crop)
        self._forget_other_looks()
        top, first = gutter.top, self.scroll_offset.y - gutter.top
        return [
            self._row(y, first + y if top <= y < height - gutter.bottom else None, crop.width)
            for y in crop.line_range
        ]

    def _row(self, y: int, at: int | None, width: int) -> Strip:
        """Row `y` of the widget, which shows row `at` of the text, or border."""
        key = None if at is None else self._content_of(at)
        strip = self._drawn.get(key) if key is not None else None
        if strip is None:
            strip = super().render_lines(Region(0, y, width, 1))[0]
            if at is not None:
                strip = self._signed(strip, at, width)
            if key is not None:
                self._drawn[key] = strip
        return strip

    def _signed(self, strip: Strip, at: int, width: int) -> Strip:
        """A row with a sign in the margin left of it, for the gravest mark in it."""
        column = self.styles.gutter.left - 1
        kind = self._gravest(at)
        if column < 0 or kind is None:
            return strip
        style = self.get_component_rich_style(f"text-pane--{kind}", partial=True)
        sign = Segment(SIGNS[kind], strip_style(strip, column) + style)
        return Strip.join([strip.crop(0, column), Strip([sign]), strip.crop(column + 1, width)])

    def _gravest(self, at: int) -> str | None:
        """The kind of the gravest mark in row `at` that has a sign; None if there is none."""
        if at >= self.wrapped_document.height:
            return None
        line, column = self.wrapped_document.offset_to_location(Offset(0, at))
        ends = (*self.wrapped_document.get_offsets(line), len(self.document.get_line(line)) + 1)
        end = next((cut for cut in ends if cut > column), column)
        here = {k for a, b, k in self._marks.get(line, ()) if a < end and column < b}
        return next((kind for kind in SIGNS if kind in here), None)

    def _content_of(self, at: int) -> Content | None:
        """Everything that decides how a row looks; None for a row that is always redrawn."""
        if at >= self.wrapped_document.height:
            return "", -1, -1, ()
        line, column = self.wrapped_document.offset_to_location(Offset(0, at))
        (top, _), (bottom, _) = sorted(self.selection)
        if top <= line <= bottom:
            return None
        ends = (*self.wrapped_document.get_offsets(line), len(self.document.get_line(line)))
        end = next((cut for cut in ends if cut > column), column)
        return self.document.get_line(line), column, end, tuple(self._marks.get(line, ()))

    def _forget_other_looks(self) -> None:
        look = (
            self.outer_size,
            self.wrap_width,
            self.app.theme,
            self.has_focus,
            frozenset(self.classes),
            frozenset(self.screen.classes),
        )
        if look != self._look or len(self._drawn) > MOST_DRAWN:
            self._look = look
            self._drawn.clear()

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
        return location_in(self.line_starts, offset)

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

    def _by_line(self, span: Span, starts: Sequence[int]) -> Iterable[tuple[int, int, int]]:
        """`span` cut at line ends: line, first column, last column (excluded)."""
        top, first = location_in(starts, span.start)
        bottom, last = location_in(starts, span.end)
        for line in range(top, bottom + 1):
            start = first if line == top else 0
            end = last if line == bottom else len(self.document.get_line(line))
            yield line, start, end


def location_in(starts: Sequence[int], offset: int) -> Location:
    """Line and column of character `offset`, where lines begin at `starts`."""
    line = max(0, bisect_right(starts, offset) - 1)
    return line, offset - starts[line]


def strip_style(strip: Strip, column: int) -> Style:
    """How the cell in `column` looks."""
    found = next(iter(strip.crop(column, column + 1)), None)
    return (found.style if found else None) or Style()
