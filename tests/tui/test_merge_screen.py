"""The merge screen: seen before it is done, cancelled, gone on with, and reported by layer."""

import json
from pathlib import Path

import pytest
from edgemed_tui.screens.merge import MergeScreen
from edgemed_tui.screens.merge_words import method_choices, methods, type_choices
from edgemed_tui.screens.picker import Choice
from edgemed_tui.screens.report import ReportScreen
from edgemed_tui.widgets.chart import Chart
from textual.pilot import Pilot
from textual.widgets import Input

from edgemed.gguf import open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import POLICIES, between
from edgemed.merging.run import unfinished
from edgemed.merging.run.progress import Progress
from edgemed.merging.run.run import run_plan
from edgemed.quantizing.file_types import FILE_TYPES
from tests.edgemed.merge_pairs import weights, write_pair_member
from tests.tui.driving import case_of, press, shown, started
from tests.tui.scripted import app

Pair = tuple[Path, Path]


async def filled(pilot: Pilot[None], a: Path, b: Path, out: Path) -> MergeScreen:
    """The merge screen with its fields filled in and what follows shown."""
    await press(pilot, "f3")
    screen = pilot.app.screen
    assert isinstance(screen, MergeScreen)
    for name, value in (("a", a), ("b", b), ("out", out)):
        screen.query_one(f"#{name}", Input).value = str(value)
    await press(pilot, "enter")
    await shown(pilot, "follows", lambda words: "ctrl+g merges" in words or words.startswith("!"))
    return screen


def interrupted(pair: Pair, out: Path) -> None:
    """What a merge leaves that was stopped when a quarter of it was written."""
    plan = plan_merge(between(*pair, 0.5, "slerp"), out, 2, max_ram=300_000)

    def stop(progress: Progress) -> None:
        if progress.done * 4 > progress.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgemed.merging.run.progress.REPORT_SECONDS", 0.0)
        run_plan(plan, stop, resume=True)


async def test_two_models_are_merged_after_the_plan_was_seen(tmp_path: Path, pair: Pair) -> None:
    out = tmp_path / "out.gguf"
    async with started(app(folder=tmp_path)) as pilot:
        screen = await filled(pilot, *pair, out)
        assert screen.query_one("#preview").size.height > 20  # of the screen's own style
        plan = await shown(pilot, "follows", lambda words: "(tensors):" in words)
        assert "interrupted" not in plan
        assert not out.exists()
        await press(pilot, "ctrl+g")
        await shown(pilot, "follows", lambda words: words.startswith("Done:"))
        assert open_model(out).tensors
        assert unfinished.remembered() is None
        await press(pilot, "escape")
        assert case_of(pilot) is pilot.app.screen


async def test_a_merge_that_cannot_be_noted_is_refused_and_the_screen_stays(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").write_text("no folder")
    monkeypatch.setattr(unfinished, "note_file", lambda: tmp_path / "full" / "note.json")
    async with started(app(folder=tmp_path)) as pilot:
        screen = await filled(pilot, *pair, tmp_path / "o.gguf")
        await press(pilot, "ctrl+g")
        assert "note.json" in await shown(pilot, "follows", lambda words: words.startswith("!"))
        assert pilot.app.screen is screen
    assert sorted(p.name for p in tmp_path.glob("*.gguf*")) == ["a.gguf", "b.gguf"]


async def test_models_that_do_not_go_together_are_refused_with_the_reason(
    tmp_path: Path, pair: Pair
) -> None:
    other = write_pair_member(tmp_path / "c.gguf", weights(3), architecture="qwen2")
    async with started(app(folder=tmp_path)) as pilot:
        await filled(pilot, pair[0], other, tmp_path / "o.gguf")
        await press(pilot, "ctrl+g")
        assert "qwen2" in await shown(pilot, "follows", lambda words: words.startswith("!"))
        assert not (tmp_path / "o.gguf").exists()


async def test_a_cancelled_merge_is_kept_to_go_on_and_can_be_thrown_away(
    tmp_path: Path, pair: Pair
) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        screen = await filled(pilot, *pair, tmp_path / "o.gguf")
        told = screen._report

        def cancel(progress: Progress) -> None:
            if not progress.reading:  # before, nothing is written that could be kept
                screen._stop.set()
            told(progress)

        screen._report = cancel  # type: ignore[method-assign]
        await press(pilot, "ctrl+g")
        await shown(pilot, "follows", lambda words: words.startswith("Cancelled"))
        assert not (tmp_path / "o.gguf").exists()
        assert unfinished.remembered() is not None
        await press(pilot, "enter")
        await shown(pilot, "follows", lambda words: "was interrupted" in words)
        await press(pilot, "ctrl+r")
        await shown(pilot, "follows", lambda w: "ctrl+g merges" in w and "interrupted" not in w)
    assert sorted(p.name for p in tmp_path.glob("*.gguf*")) == ["a.gguf", "b.gguf"]
    assert unfinished.remembered() is None


async def test_an_interrupted_merge_is_offered_and_finished_to_the_same_bytes(
    tmp_path: Path, pair: Pair
) -> None:
    whole, out = tmp_path / "whole.gguf", tmp_path / "out.gguf"
    run_plan(plan_merge(between(*pair, 0.5, "slerp"), whole, 2))
    interrupted(pair, out)
    form = {"a": str(pair[0]), "b": str(pair[1]), "t": "0.5", "method": "slerp", "type": "like-a"}
    unfinished.remember({**form, "out": str(out)})
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f3")
        said = await shown(pilot, "follows", lambda words: "was interrupted" in words)
        assert " 0% of it" not in said
        await press(pilot, "ctrl+g")
        await shown(pilot, "follows", lambda words: words.startswith("Done:"))
    assert out.read_bytes() == whole.read_bytes()
    assert not out.with_name("out.gguf.journal").exists()


async def test_the_report_shows_by_layer_what_was_kept_and_is_written(
    tmp_path: Path, pair: Pair
) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        await filled(pilot, *pair, tmp_path / "out.gguf")
        await press(pilot, "ctrl+g")
        await shown(pilot, "follows", lambda words: words.startswith("Done:"))
        await press(pilot, "f5")
        await shown(pilot, "words", lambda words: "change" in words)
        screen = pilot.app.screen
        assert isinstance(screen, ReportScreen)
        series = screen.query_one(Chart).series
        assert [one.name for one in series] == ["attention", "feed-forward", "norms"]
        assert {dot.x for one in series for dot in one.dots} == {0.0, 1.0}
        first = str(screen.query_one("#figure").render())
        await press(pilot, "right")
        assert str(screen.query_one("#figure").render()) != first
        await press(pilot, "x")
        pilot.app.screen.query_one("#path", Input).value = str(tmp_path / "report.json")
        await press(pilot, "enter")
        await shown(pilot, "words", lambda words: words.startswith("written"))
    names = {t["name"] for t in json.loads((tmp_path / "report.json").read_text())["tensors"]}
    assert "blk.1.attn_q.weight" in names


def test_the_methods_offered_go_by_a_share() -> None:
    assert {"linear", "slerp"} <= set(methods())
    assert all(choice.about for choice in method_choices())


async def test_all_but_a_number_is_chosen_from_lists(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f3", "enter", *"a file", "enter", *"a.gg", "enter")
        screen = pilot.app.screen
        assert isinstance(screen, MergeScreen) and screen.field("a") == str(pair[0])
        await press(pilot, "tab", "down", *"file", "enter", *"b.gg", "enter")
        assert screen.field("b") == str(pair[1])
        await press(pilot, "tab", *"lin", "enter")
        assert screen.field("method") == "linear"
        await press(pilot, "tab", "tab", "enter", *"q8", "enter")
        assert screen.field("type") == "Q8_0"
        await press(pilot, "tab", "ctrl+t", "enter")
        assert screen.field("out") == str(tmp_path / "merged.gguf")
        await shown(pilot, "follows", lambda words: "ctrl+g merges" in words or words[:1] == "!")
        await press(pilot, "escape")
        assert not (tmp_path / "merged.gguf").exists()


@pytest.mark.parametrize("choice", type_choices(), ids=lambda choice: str(choice.value))
def test_every_type_that_is_offered_is_one(choice: Choice[str]) -> None:
    assert choice.value in (*POLICIES, *FILE_TYPES) and choice.about
