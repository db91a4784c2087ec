"""What a merge kept, layer by layer: a figure for every tensor by block, and a summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from edgemed.errors import EdgemedError
from edgemed.merging.report.report import COLUMNS, Column, figure, mean, span, summary
from edgemed.merging.report.report_file import refuse_name, write_report
from edgemed.merging.report.survey import TensorFigures
from edgemed_tui.literal import Words, lines, literal
from edgemed_tui.remedies import complaint
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.sentences import sentences
from edgemed_tui.widgets.chart import Axes, Chart, Dot, Series, legend
from edgemed_tui.widgets.keys_line import KeysLine

GROUPS = {"attn": "attention", "ffn": "feed-forward", "norm": "norms", "": "others"}
MOST_TICKS = 12


class ReportScreen(Screen[None]):
    """One figure at a time, by block."""

    CSS_PATH = "report.tcss"
    HELP = """## Report of a merge

Each mark is a tensor: its block across, the figure up. `left` and `right` choose the figure,
`x` writes everything to a page (.html) or to JSON for programs."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "figure(-1)", "Figure", id="report.before", key_display="←/→"),
        Binding("right,l", "figure(1)", "Next figure", id="report.after", show=False),
        Binding("x", "export", "Write to a file", id="report.export"),
        Binding("escape,q", "dismiss(None)", "Back", id="report.close", key_display="esc"),
    ]

    def __init__(self, name: str, measures: Sequence[TensorFigures]) -> None:
        super().__init__()
        self.file_name = name
        self.measures = list(measures)
        self.columns = [c for c in COLUMNS if any(by_group(measures, c))]
        self.at = next((n for n, c in enumerate(self.columns) if c.title == "held"), 0)

    def compose(self) -> ComposeResult:
        """The figure's name, the chart, its legend, the summary."""
        yield Words(literal((" edgemed ", "bold"), f"  report: {self.file_name}"), id="head")
        yield Words(id="figure")
        yield Chart(id="chart")
        yield Words(id="legend")
        yield Words(id="words")
        yield KeysLine()

    def on_mount(self) -> None:
        """Begin with how much of the change is held."""
        rows = lines(literal(row) for row in summary(self.measures))
        self.query_one("#words", Words).say(rows)
        self._show()

    def _show(self) -> None:
        if not self.columns:
            self.query_one("#figure", Words).say("No tensor of a block was mixed.")
            return
        column = self.columns[self.at]
        series = by_group(self.measures, column)
        shown = [dot.y for one in series for dot in one.dots]
        last = max(dot.x for one in series for dot in one.dots)
        step = max(1, -(-int(last + 1) // MOST_TICKS))
        ticks = tuple(float(n) for n in range(0, int(last) + 1, step))
        axes = Axes((0.0, last), span(shown), "layer", "", ticks)
        self.query_one(Chart).show(series, axes)
        self.query_one("#legend", Words).say(legend(series))
        whole = figure(mean(self.measures, column.value))
        over = f"Over all weights {whole}; each mark is a table of weights."
        words = sentences(f": {column.meaning}", over)
        self.query_one("#figure", Words).say(literal((column.title, "bold"), words))

    def action_figure(self, by: int) -> None:
        """The next figure; after the last the first."""
        if self.columns:
            self.at = (self.at + by) % len(self.columns)
            self._show()

    @work
    async def action_export(self) -> None:
        """Write the whole report."""
        about = "The ending chooses: .html is a page, .json is for programs."
        proposed = str(Path.home() / f"{Path(self.file_name).stem}-report.html")
        answer = await self.app.push_screen_wait(AskPath("Write the report", about, proposed))
        if answer is None:
            return
        path = Path(answer)
        try:
            refuse_name(path)
            write_report(path, self.file_name, self.measures)
            said = literal(f"written to {path}")
        except EdgemedError as error:
            said = literal(complaint(error))
        self.query_one("#words", Words).say(said)


def by_group(measures: Sequence[TensorFigures], column: Column) -> list[Series]:
    """One series for each group of tensors in blocks that has this figure."""
    made = []
    for group, name in GROUPS.items():
        dots = [
            Dot(float(m.block), value)
            for m in measures
            if m.block is not None
            and (m.group if m.group in GROUPS else "") == group
            and (value := column.value(m)) is not None
        ]
        if dots:
            made.append(Series(name, tuple(dots)))
    return made
