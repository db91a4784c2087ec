"""The models screen: add, from a stick too, look into, tune, use by default, remove."""

from collections.abc import Callable
from pathlib import Path

import pytest
from edgemed_tui.screens.inspect import InspectScreen
from edgemed_tui.screens.models import ModelsScreen
from edgemed_tui.widgets.rows_pane import RowsPane
from textual.widgets import Input

from edgemed.local_models import adding, library, sticks, tuning
from edgemed.local_models.tuned import Speed, remember
from tests.tui.driving import press, shown, started
from tests.tui.scripted import app


async def test_a_model_is_added_used_by_default_and_removed(
    tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f2", "a")
        pilot.app.screen.query_one("#search", Input).value = str(pair[0])
        await press(pilot, "enter")
        await shown(pilot, "said", lambda words: words == "added a")
        assert isinstance(pilot.app.screen, ModelsScreen)
        assert "licence: not stated" in await shown(
            pilot, "about", lambda w: "sha256" in w or "!" in w
        )
        await press(pilot, "u")
        assert library.read_library().default == "a"
        await press(pilot, "r", "down", "enter")
        await shown(pilot, "said", lambda words: words == "removed a")
        assert library.read_library().entries == ()
    assert pair[0].exists()


async def test_a_model_on_a_stick_is_listed_and_added(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    (stick / "models").mkdir(parents=True)
    (stick / ".hidden").mkdir()
    for name in ("models/good.gguf", ".hidden/not.gguf"):
        (stick / name).write_bytes(pair[0].read_bytes())
    monkeypatch.setattr(sticks, "media", lambda: [stick, tmp_path / "gone"])
    assert sticks.models_on_media() == [stick / "models" / "good.gguf"]
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f2", "a", *"good", "enter")
        await shown(pilot, "said", lambda words: words == "added good")
    assert library.read_library().default == "good"


async def test_a_model_is_tuned_trial_by_trial_and_looked_into(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tune(path: Path, say: Callable[[Speed], None], stop: Callable[[], bool]) -> Speed:
        for threads in (1, 2):
            say(Speed(threads, 77, 120.0 * threads, 9.5))
            if stop():
                raise tuning.Stopped("the tuning was stopped", "")
        remember(path, Speed(2, 77, 240.0, 9.5))
        return Speed(2, 77, 240.0, 9.5)

    adding.add(pair[0], "a", True, lambda nbytes: None)
    monkeypatch.setattr(tuning, "tune", tune)
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f2")
        await shown(pilot, "about", lambda words: "not tuned on this machine" in words)
        await press(pilot, "t")
        await shown(pilot, "said", lambda words: "2 threads, batch 77: used from now on" in words)
        about = await shown(pilot, "about", lambda words: "1 thread, batch 77" in words)
        assert "reads 240 and writes 9.5 tokens per second" in about
        screen = pilot.app.screen
        assert isinstance(screen, ModelsScreen)
        screen._stop.clear = lambda: screen._stop.set()  # type: ignore[method-assign]
        await press(pilot, "t")
        await shown(pilot, "said", lambda words: "the tuning was stopped" in words)
        await press(pilot, "i")
        assert isinstance(pilot.app.screen, InspectScreen)
        pane = pilot.app.screen.query_one(RowsPane)
        while not pane.text:
            await pilot.pause(0.02)
        assert "blk.1.attn_q.weight" in pane.text
