"""The sweep screen and its chart: what is drawn, read off, refused, and carried on to a merge."""

import json
from pathlib import Path

import pytest
from edgemed_tui.screens.merge import MergeScreen
from edgemed_tui.screens.sweep import SweepScreen, ends_of
from edgemed_tui.widgets.chart import MARKERS, Axes, Chart, Dot, Series, drawn
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.widgets import Input

from edgemed.evals.sweep_file import Curve, Point, Score, sweeps_folder
from tests.tui.driving import press, shown, started
from tests.tui.scripted import app

UNIT = st.floats(0, 1)
DOTS = st.lists(st.tuples(UNIT, UNIT, UNIT, UNIT), max_size=12)


def own_sweep() -> Path:
    """A made-up sweep in the user's folder: one axis falls, one rises."""
    lines = []
    for n in range(11):
        t = n / 10
        scores = {"facts": 0.9 - 0.5 * t**2, "form": 0.2 + 0.5 * t**0.5}
        axes = {
            name: {"mean": round(v, 3), "low": v - 0.06, "high": v + 0.06, "items": 150}
            for name, v in scores.items()
        }
        lines.append({"method": "slerp", "type": "Q4_K", "t": t, "seed": 3, "axes": axes})
    sweeps_folder().mkdir(parents=True)
    path = sweeps_folder() / "ours.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


@given(st.lists(DOTS, max_size=7), st.integers(1, 90), st.integers(1, 30))
def test_a_chart_fills_its_room_and_no_more(
    points: list[list[tuple[float, float, float, float]]], width: int, height: int
) -> None:
    series = [
        Series(str(n), tuple(Dot(x, sorted(ys)[1], min(ys), max(ys)) for x, *ys in dots))
        for n, dots in enumerate(points)
    ]
    axes = Axes((0.0, 1.0), (0.0, 1.0), "t", "score", (0.0, 0.5, 1.0))
    rows = [row.plain for row in drawn(series, axes, width, height, 0.5)]
    if len(rows) > 1:
        assert len(rows) == height
        assert all(cell_len(row) <= width for row in rows)
        last = [n for n, dots in enumerate(points) if dots][-1:]
        assert all(any(MARKERS[n % len(MARKERS)] in row for row in rows) for n in last)


def test_an_interval_spans_the_rows_of_its_ends() -> None:
    series = [Series("a", (Dot(0.5, 0.5, 0.3, 0.7),))]
    axes = Axes((0.0, 1.0), (0.0, 1.0), "t", "score", (0.5,))
    rows = [row.plain for row in drawn(series, axes, 40, 12)][1:-2]
    column = next(row.index("●") for row in rows if "●" in row)
    marks = [row[column] if len(row) > column else " " for row in rows]
    assert "".join(marks) == "  ╷│●│╵  "


@pytest.mark.parametrize("height", range(8, 30))
def test_a_point_stands_beside_the_number_of_its_value(height: int) -> None:
    axes = Axes((0.0, 1.0), (0.4, 0.8), "t", "score", (0.5,))

    def rows_with(*values: float) -> list[str]:
        dots = tuple(Dot(0.5, y, y, y) for y in values)
        return [row.plain for row in drawn([Series("a", dots)], axes, 40, height)]

    labels = [row.split("┤")[0].strip() for row in rows_with() if "┤" in row]
    assert len(labels) >= 3 and (labels[0], labels[-1]) == ("0.80", "0.40")
    rows = rows_with(*map(float, labels))
    assert [row.split("┤")[0].strip() for row in rows if "●" in row] == labels
    assert len(rows) == height


def test_the_axis_of_scores_is_as_long_as_the_intervals_need() -> None:
    def curve(*ends: tuple[float, float]) -> Curve:
        points = [Point(0.5, {"a": Score((low + high) / 2, low, high, 9)}) for low, high in ends]
        return Curve("slerp", "F16", 1, tuple(points))

    assert ends_of(curve((0.42, 0.55), (0.61, 0.68))) == (0.4, 0.8)
    assert ends_of(curve((0.0, 1.0))) == (0.0, 1.0)
    assert ends_of(curve((1.0, 1.0))) == (0.8, 1.0)
    assert ends_of(curve((0.5, 0.5))) == (0.5, 0.7)
    assert ends_of(curve((0.0, 0.0))) == (0.0, 0.2)


async def test_a_sweep_is_drawn_and_read_off_at_its_best_t(tmp_path: Path) -> None:
    own_sweep()
    async with started(app(folder=tmp_path), (80, 24)) as pilot:
        await press(pilot, "f4")
        screen = pilot.app.screen
        assert isinstance(screen, SweepScreen)
        assert "ours (slerp, Q4_K, training seed 3)" in await shown(pilot, "head", bool)
        assert [one.name for one in screen.query_one(Chart).series] == ["facts", "form"]
        legend = await shown(pilot, "legend", bool)
        assert "● facts" in legend
        assert "▲ form" in legend
        verdict = await shown(pilot, "best", bool)
        assert "Best t = 0.6: each score keeps at least 80% of its best (facts least)" in verdict
        assert "Rule: the t whose weakest axis keeps most" in verdict
        assert "[t = 0.6]   facts 0.72 (0.66 to 0.78)" in await shown(pilot, "read", bool)
        await press(pilot, "right")
        await shown(pilot, "read", lambda words: "t = 0.7" in words)
        await press(pilot, "m")
        assert isinstance(pilot.app.screen, MergeScreen)
        assert pilot.app.screen.query_one("#t", Input).value == "0.7"


async def test_curves_of_the_embedded_models_are_chosen_and_a_wrong_file_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"method": "slerp"}', "utf-8")
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f4")
        head = await shown(pilot, "head", lambda words: "the embedded models" in words)
        await press(pilot, "c", "down", "enter")
        await shown(pilot, "head", lambda words: "the embedded models" in words and words != head)
        await press(pilot, "o")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "wrong.jsonl")
        await press(pilot, "enter")
        await shown(pilot, "best", lambda words: "wrong.jsonl, line 1" in words)
