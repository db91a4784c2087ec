"""A chart in characters: marked points with intervals, an x axis and a y axis with numbers.

Every series has a marker of its own; colour only repeats what the marker says. Intervals are drawn
to half a row, points to a row. Knows numbers, no models.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from textual import events
from textual.content import Content

from edgemed.tick_labels import tick_labels
from edgemed_tui.literal import Words, literal

MARKERS = ("●", "▲", "■", "◆", "✚", "○")
STYLES = ("$primary", "$accent", "$success", "$secondary", "$error", "$foreground")
CHOSEN = "┻"  # on the axis; no marker of a series
WHOLE, UPPER, LOWER = "│", "╵", "╷"
SHORTEST = 5  # the fewest rows of points that can be read
FEW = 12  # with fewer rows than this, at most one is given up for the numbers


class Dot(NamedTuple):
    """A point, and the ends of its interval if it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Series(NamedTuple):
    """Points that belong together."""

    name: str
    dots: tuple[Dot, ...]


class Axes(NamedTuple):
    """The ends of both axes, what they are called, and the ticks to number below."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_name: str
    y_name: str
    ticks: tuple[float, ...]


Cell = tuple[str, str]


class Chart(Words):
    """A chart as large as its widget; `show` gives it something to draw."""

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.series: tuple[Series, ...] = ()
        self.axes: Axes | None = None
        self.at: float | None = None

    def show(self, series: Sequence[Series], axes: Axes, at: float | None = None) -> None:
        """Draw these series; `at` marks a place on the x axis."""
        self.series, self.axes, self.at = tuple(series), axes, at
        self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Draw again for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if self.axes is not None and width and height:
            rows = drawn(self.series, self.axes, width, height, self.at)
            self.say(Content("\n").join(list(rows)))


def legend(series: Sequence[Series]) -> Content:
    """Marker and name of every series."""
    marks = (literal((m, f"bold {s}"), f" {one.name}   ") for one, m, s in styled(series))
    return Content("").join(list(marks))


def styled(series: Sequence[Series]) -> Iterator[tuple[Series, str, str]]:
    """Each series with its marker and style; after six they repeat."""
    for n, one in enumerate(series):
        yield one, MARKERS[n % len(MARKERS)], STYLES[n % len(STYLES)]


def drawn(
    series: Sequence[Series], axes: Axes, width: int, height: int, at: float | None = None
) -> Iterator[Content]:
    """The rows of a chart of `width` columns and `height` rows."""
    rows = rows_of(height - 3)
    labels = labels_of(axes.y, parts_of(rows))
    gutter = max(map(len, labels)) + 2
    columns = width - gutter - 1
    if rows < SHORTEST or columns < 12:
        yield literal("The chart needs more room.")
        return
    cells = points(series, axes, columns, rows)
    named = {n * (rows - 1) // (len(labels) - 1): label for n, label in enumerate(labels)}
    yield from [literal("")] * (height - 3 - rows)
    yield literal((f"{axes.y_name}", "dim"))
    for row in range(rows):
        label, edge = named.get(row, ""), "┤" if row in named else "│"
        yield Content("").join(
            [
                literal((f"{label:>{gutter - 1}}{edge}", "dim")),
                *(literal(cells.get((row, column), (" ", ""))) for column in range(columns)),
            ]
        )
    marked = None if at is None else column_of(at, axes, columns)
    below = under(axes, columns, marked)
    name = f" {axes.x_name} "
    yield literal((f"{'':>{gutter - 1}}└", "dim"), *below)
    numbers = numbered(axes, columns, at)
    room = gutter + columns - len(name)
    line = f"{'':>{gutter}}{numbers}"[:room].ljust(room) + name
    before, sign, rest = line.partition("[")
    here, end, rest = rest.partition("]")
    yield literal((before, "dim"), (sign + here + end, "bold $accent"), (rest, "dim"))


def column_of(x: float, axes: Axes, columns: int) -> int:
    """The column of a place on the x axis; some room is left at both ends."""
    low, high = axes.x
    room = columns - 12
    return 3 + round(room * (x - low) / ((high - low) or 1.0))


def points(
    series: Sequence[Series], axes: Axes, columns: int, rows: int
) -> dict[tuple[int, int], Cell]:
    """Markers and intervals by (row, column); series stand side by side, markers on top."""
    low, high = axes.y
    span = (high - low) or 1.0
    cells: dict[tuple[int, int], Cell] = {}
    marks: dict[tuple[int, int], Cell] = {}
    for n, (one, marker, style) in enumerate(styled(series)):
        shift = n - (len(series) - 1) // 2
        for dot in one.dots:
            column = min(columns - 1, max(0, column_of(dot.x, axes, columns) + shift))
            if dot.low is not None and dot.high is not None:
                top, bottom = (2 * (rows - 1) * (high - y) / span + 1 for y in (dot.high, dot.low))
                cells |= interval(column, top, bottom, style, rows)
            row = round((rows - 1) * (high - dot.y) / span)
            marks[min(rows - 1, max(0, row)), column] = marker, f"bold {style}"
    return cells | marks


def interval(
    column: int, top: float, bottom: float, style: str, rows: int
) -> Iterator[tuple[tuple[int, int], Cell]]:
    """A line from `top` to `bottom`, both in half rows from above."""
    first, last = max(0, math.floor(top)), min(2 * rows - 1, math.ceil(bottom) - 1)
    for row in range(first // 2, last // 2 + 1):
        upper, lower = first <= 2 * row <= last, first <= 2 * row + 1 <= last
        sign = WHOLE if upper and lower else UPPER if upper else LOWER
        yield (row, column), (sign, style)


def rows_of(most: int) -> int:
    """How many rows of `most` are used, so that round numbers fall on rows."""
    return most - (most - 1) % (4 if most > FEW else 2)


def parts_of(rows: int) -> int:
    """How many parts the numbers cut an axis into: each number needs a row of its own, the same
    row as a point of that value."""
    return next(parts for parts in (4, 5, 2) if (rows - 1) % parts == 0)


def labels_of(ends: tuple[float, float], parts: int) -> list[str]:
    """The numbers from the top of an axis to its bottom, for this many parts."""
    low, high = ends
    return tick_labels([high - n * (high - low) / parts for n in range(parts + 1)], 2)


def under(axes: Axes, columns: int, marked: int | None) -> list[Cell]:
    """The line of the x axis: ticks, and the selected place."""
    ticks = {column_of(x, axes, columns) for x in axes.ticks}
    return [
        (CHOSEN, "bold $accent") if column == marked else ("┴" if column in ticks else "─", "dim")
        for column in range(columns)
    ]


def numbered(axes: Axes, columns: int, at: float | None = None) -> str:
    """The numbers below the ticks, as far as there is room between them; the selected one is in
    brackets, and shown even if its neighbours then have no room."""
    line = ""
    chosen = None if at is None else column_of(at, axes, columns)
    for x in axes.ticks:
        column = column_of(x, axes, columns)
        text = f"[{x:g}]" if column == chosen else f"{x:g}"
        start = max(0, column - len(text) // 2)
        if column == chosen:
            line = line[: max(0, start - 1)].rstrip()
        if start >= len(line) + (1 if line else 0):
            line = line.ljust(start) + text
    return line
