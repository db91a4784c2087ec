"""The sweep screen: scores against t, their values at one t, and the best t by a stated rule."""

import math
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen

from edgemed.amounts import amount
from edgemed.errors import EdgemedError
from edgemed.evals.sweep_file import (
    RULE,
    Curve,
    Point,
    best,
    embedded_sweep,
    own_sweeps,
    read_sweep,
)
from edgemed_tui.literal import Words, lines, literal
from edgemed_tui.remedies import complaint
from edgemed_tui.screens.files import FilePicker
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.sentences import sentences
from edgemed_tui.widgets.chart import Axes, Chart, Dot, Series, legend
from edgemed_tui.widgets.keys_line import KeysLine

SCORES = (".json", ".jsonl")
OPEN = (
    "A file of scores has one JSON object per line, as docs/sweeps.md says. Type its path, or tab."
)
SCORE = "score, 1 is best, of merges from the first model (t = 0) to the second (t = 1)"


class SweepScreen(Screen[float | None]):
    """One curve of one file; answers with a t to merge at, or None."""

    CSS_PATH = "sweep.tcss"
    HELP = """## Sweep

Each merge was scored on every axis; a bar is the 95 % interval of the
mean. `left` and `right` choose the t whose scores are read off, `c` chooses another curve, `o`
opens another file, `m` takes the t under the mark to the merge screen."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "Choose t", id="sweep.lower", key_display="←/→"),
        Binding("right,l", "step(1)", "Next t", id="sweep.higher", show=False),
        Binding("c", "curve", "Curve", id="sweep.curve"),
        Binding("o", "open", "Open a file", id="sweep.open"),
        Binding("m", "merge", "Merge at this t", id="sweep.merge"),
        Binding("escape", "dismiss(None)", "Back", id="sweep.close"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.title_of_file = ""
        self.curves: tuple[Curve, ...] = ()
        self.curve: Curve | None = None
        self.at = 0

    def compose(self) -> ComposeResult:
        """The chart, its legend, the values at one t, the best t."""
        yield Words(id="head")
        yield Chart(id="chart")
        yield Words(id="legend")
        yield Words(id="read")
        yield Words(id="best")
        yield Words(id="said")
        yield KeysLine()

    def on_mount(self) -> None:
        """Show the first sweep that can be read."""
        self.query_one("#said").display = False
        self.load(*self._known()[0])

    def say(self, words: str) -> None:
        """A line above the keys."""
        line = self.query_one("#said", Words)
        line.display = True
        line.say(words)

    def _known(self) -> list[tuple[str, Path]]:
        """The sweeps on this machine by name: the user's, then that of the embedded models."""
        try:
            return [*own_sweeps(), embedded_sweep()]
        except EdgemedError as error:
            self.say(complaint(error))
            return [embedded_sweep()]

    def load(self, name: str, path: Path) -> None:
        """Show the longest curve of a file, or say why not."""
        try:
            self.curves = read_sweep(path)
        except EdgemedError as error:
            self.query_one("#best", Words).say(literal(complaint(error)))
            return
        self.title_of_file = name
        self.show(self.curves[0])

    def show(self, curve: Curve) -> None:
        """Draw `curve`, with the best t selected."""
        self.curve = curve
        self.at = [point.t for point in curve.points].index(best(curve).t)
        head = f"  sweep: {self.title_of_file} ({curve.name})"
        self.query_one("#head", Words).say(literal((" edgemed ", "bold"), head))
        key = Content("").join([legend(series_of(curve)), literal(("│ 95 % interval", "dim"))])
        self.query_one("#legend", Words).say(key)
        self.query_one("#best", Words).say(verdict(curve))
        self._read()

    def _read(self) -> None:
        """The chart with its mark, and the figures there."""
        assert self.curve is not None
        point = self.curve.points[self.at]
        ticks = tuple(p.t for p in self.curve.points)
        axes = Axes((0.0, 1.0), ends_of(self.curve), "t", SCORE, ticks)
        self.query_one(Chart).show(series_of(self.curve), axes, point.t)
        self.query_one("#read", Words).say(figures(point))

    def action_step(self, by: int) -> None:
        """Read the scores at the next t."""
        if self.curve is not None:
            self.at = min(len(self.curve.points) - 1, max(0, self.at + by))
            self._read()

    @work
    async def action_curve(self) -> None:
        """Choose a known file, and one of its curves."""
        files = [Choice(name, str(path.parent), (name, path)) for name, path in self._known()]
        if len(files) > 1:
            chosen = await self.app.push_screen_wait(Picker("Sweep", files))
            if chosen is None:
                return
            self.load(*chosen)
        curves = [Choice(c.name, f"{amount(len(c.points), 'point')}", c) for c in self.curves]
        curve = await self.app.push_screen_wait(Picker("Curve", curves))
        if curve is not None:
            self.show(curve)

    @work
    async def action_open(self) -> None:
        """Open a file from anywhere."""
        ask = FilePicker("Open a sweep", Path.cwd(), SCORES, empty=OPEN)
        path = await self.app.push_screen_wait(ask)
        if path is not None:
            self.load(path.stem, path)

    def action_merge(self) -> None:
        """Go on with the selected t."""
        if self.curve is not None:
            self.dismiss(self.curve.points[self.at].t)


def series_of(curve: Curve) -> list[Series]:
    """A series for each axis."""
    return [
        Series(axis, tuple(Dot(p.t, *p.axes[axis][:3]) for p in curve.points))
        for axis in curve.axes
    ]


def ends_of(curve: Curve) -> tuple[float, float]:
    """The ends of the axis of scores around all intervals, two or more tenths apart: from 0 to 1 a
    short interval would be a point, not a line. The four parts of the axis are round numbers."""
    scores = [score for point in curve.points for score in point.axes.values()]
    low = math.floor(10 * min(score.low for score in scores) + 1e-9)
    high = math.ceil(10 * max(score.high for score in scores) - 1e-9)
    while low == high or (high - low) % 2:
        low, high = (low, high + 1) if high < 10 else (low - 1, high)
    return low / 10, high / 10


def figures(point: Point) -> Content:
    """What was scored at one t, with intervals."""
    scores = "   ".join(
        f"{axis} {s.mean:.2f} ({s.low:.2f} to {s.high:.2f})" for axis, s in point.axes.items()
    )
    return literal((f"[t = {point.t:g}]", "bold"), f"   {scores}")


def verdict(curve: Curve) -> Content:
    """The best t and the rule it comes from."""
    if len(curve.points) < 2:
        return literal("One point is not a sweep: there is nothing to choose between.")
    found = best(curve)
    like = ", ".join(f"{t:g}" for t in found.like) or "no other t"
    items = min(score.items for point in curve.points for score in point.axes.values())
    least = f"At least {amount(items, 'case')} on each axis."
    return lines(
        [
            literal(
                (f"Best t = {found.t:g}", "bold"),
                f": each score keeps at least {found.share:.0%} of its best ({found.axis} least).",
            ),
            literal((sentences(f"Rule: {RULE}"), "dim")),
            literal((sentences(f"Not clearly worse: {like}", least), "dim")),
        ]
    )
