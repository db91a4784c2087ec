"""A pane of literal text as rows: wrapped once for a width, drawn row by row, never parsed.

A note of many thousand lines scrolls at once, and growing text costs one row per word.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from edgemed.clinic.findings import Span
from edgemed_tui.literal import visible
from edgemed_tui.widgets.wrapping import Rows, WrappedRow, expanded, rows_of

MOST_DRAWN = 2000  # rows kept as they were drawn


class Look(NamedTuple):
    """How rows look: columns of text, styles, and what is at both edges of every row."""

    width: int
    text: Style
    number: Style
    evidence: Style
    marked: Style
    left: tuple[Segment, ...]
    right: tuple[Segment, ...]


KEY = re.compile(r"  \d(?=  )")  # a key at the beginning of a row of an empty pane


class RowsPane(ScrollView, can_focus=True):
    """Rows of text, with line numbers or without; `evidence` is underlined.

    Rows that hold some of `marked` have a sign in the margin.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--number", "rows--evidence", "rows--marked"}
    ALLOW_SELECT = False

    def __init__(self, id: str, *, numbers: bool, empty: str = "") -> None:
        super().__init__(id=id)
        self.text = ""
        self.evidence: tuple[Span, ...] = ()
        self.marked: tuple[Span, ...] = ()
        self.rows = Rows()
        self._numbers, self._empty = numbers, empty
        self._digits = 1
        self._wrapped_at = 0
        self._look = Look(0, Style(), Style(), Style(), Style(), (), ())
        self._drawn: dict[int, Strip] = {}

    def load(self, text: str) -> None:
        """Show `text` from its start."""
        self.text = visible(text)
        self.evidence = self.marked = ()
        self._digits = len(str(self.text.count("\n") + 1))
        self._wrapped_at = 0
        self._wrap()
        self.scroll_home(animate=False)

    def show_evidence(self, spans: tuple[Span, ...]) -> None:
        """Underline `spans` and bring the first into view."""
        changed, self.evidence = spans != self.evidence, spans
        if spans:
            row = self.rows.at(spans[0].start)
            top, height = self.scroll_offset.y, self.scrollable_content_region.height
            if not top <= row < top + height - 1:
                self.scroll_to(y=max(0, row - height // 3), animate=False)
        if changed:
            self._drawn.clear()
            self.refresh()

    def mark(self, spans: tuple[Span, ...]) -> None:
        """Put a sign in the margin of every row that holds some of `spans`."""
        self.marked = spans
        self._drawn.clear()
        self.refresh()

    def on_resize(self) -> None:
        """Wrap again for the new width; the top line stays the top line."""
        top = self.rows[self.scroll_offset.y].start if self.rows else 0
        if self._wrap():
            self.scroll_to(y=self.rows.at(top), animate=False)

    def render_lines(self, crop: Region) -> list[Strip]:
        """What is in view, border included: rows from what was drawn before, the rest as usual."""
        if not self.text or crop.column_span != (0, self.outer_size.width):
            return super().render_lines(crop)
        gutter, height = self.styles.gutter, self.outer_size.height
        self._look_up(gutter.top)
        first = self.scroll_offset.y - gutter.top
        return [
            self._drawn_row(first + y)
            if gutter.top <= y < height - gutter.bottom
            else super(RowsPane, self).render_lines(Region(0, y, crop.width, 1))[0]
            for y in crop.line_range
        ]

    def render_line(self, y: int) -> Strip:
        """One row inside the border; called only for rows that are not cached."""
        rows = self._empty.split("\n") if not self.text else []
        words = rows[y] if y < len(rows) else ""
        key = KEY.match(words)
        first = key.end() if key else 0 if y else len(words)
        muted = self.get_component_rich_style("rows--number") if not key else Style()
        parts = (words[:first], Style(bold=True)), (words[first:], muted)
        strip = Strip([Segment(part, self.rich_style + style) for part, style in parts if part])
        return strip.adjust_cell_length(self.size.width, self.rich_style)

    def _look_up(self, y: int) -> None:
        """How rows look now, with the two edges of row `y`; a changed look clears the drawn rows.

        Looking a style up takes longer than drawing a row.
        """
        width, gutter = self.outer_size.width, self.styles.gutter
        sample = super().render_lines(Region(0, y, width, 1))[0]
        look = Look(
            self.size.width,
            self.rich_style,
            self.get_component_rich_style("rows--number"),
            self.get_component_rich_style("rows--evidence"),
            self.get_component_rich_style("rows--marked"),
            tuple(sample.crop(0, gutter.left)),
            tuple(sample.crop(width - gutter.right, width)),
        )
        if look != self._look or len(self._drawn) > MOST_DRAWN:
            self._look = look
            self._drawn.clear()

    def _drawn_row(self, at: int) -> Strip:
        """Row `at` from edge to edge."""
        strip = self._drawn.get(at)
        if strip is None:
            strip = self._drawn[at] = self._draw(at)
        return strip

    def _draw(self, at: int) -> Strip:
        look, segments = self._look, []
        if at < len(self.rows):
            segments = [*self._number(self.rows[at]), *self._segments(self.rows[at])]
        rest = look.width - sum(segment.cell_length for segment in segments)
        return Strip([*look.left, *segments, Segment(" " * rest, look.text), *look.right])

    @property
    def gutter_width(self) -> int:
        """Columns before the text."""
        return self._digits + 2 if self._numbers else 0

    def _number(self, row: WrappedRow) -> Iterator[Segment]:
        if self._numbers:
            number = str(row.line + 1) if row.first else ""
            if any(s.start < row.end and row.start < s.end for s in self.marked):
                yield Segment(f"{number:>{self._digits}}", self._look.number)
                yield Segment("! ", self._look.marked)
            else:
                yield Segment(f"{number:>{self._digits}}  ", self._look.number)

    @property
    def wrap_width(self) -> int:
        """Columns that a row of text may take."""
        room = self.content_region.width - self.styles.scrollbar_size_vertical
        return room - self.gutter_width

    def _wrap(self) -> bool:
        """Count rows for the present width; whether anything changed."""
        width = self.wrap_width
        if width < 4 or width == self._wrapped_at:
            return False
        self._wrapped_at = width
        self.rows = Rows(rows_of(self.text, width))
        self._drawn.clear()
        self.virtual_size = Size(width + self.gutter_width, len(self.rows))
        self.refresh()
        return True

    def _segments(self, row: WrappedRow) -> Iterator[Segment]:
        """The row's text, split where evidence begins and ends; tabs as spaces."""
        plain, marked = self._look.text, self._look.evidence
        here = [s for s in self.evidence if s.start < row.end and row.start < s.end]
        if not here:
            yield Segment(expanded(self.text[row.start : row.end], 0)[0], plain)
            return
        cuts = {row.start, row.end}
        for span in here:
            cuts |= {min(max(p, row.start), row.end) for p in span}
        column = 0
        for start, end in pairwise(sorted(cuts)):
            shown, column = expanded(self.text[start:end], column)
            inside = any(s.start <= start < s.end for s in here)
            yield Segment(shown, marked if inside else plain)
