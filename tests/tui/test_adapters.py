"""Adapters that the screen runs beside a model: named in its list, chosen on the models screen."""

from pathlib import Path

from edgemed_models.scale import path_of
from edgemed_tui.machine import services
from textual.widgets import Input

from edgemed.adapters.naming import Use
from edgemed.local_models import adding, library
from edgemed.local_models.loading import Options
from tests.edgemed.adapters.test_unfolded import adapter
from tests.tui.driving import press, shown, started
from tests.tui.scripted import app


def test_adapters_are_shown_beside_every_model(tmp_path: Path) -> None:
    named = str(path_of("instruct"))
    beside = services(named, Options(adapters=(Use(tmp_path / "letters.gguf", 0.5),)))
    assert all("with letters.gguf:0.5" in choice.about for choice in beside.models())
    assert not any("letters" in choice.about for choice in services(named, Options()).models())


async def test_an_adapter_is_tried_and_kept_on_the_models_screen(tmp_path: Path) -> None:
    adding.add(path_of("instruct"), "one", True, lambda nbytes: None)
    adding.alias("one", "two")
    style = adapter(path_of("instruct"), tmp_path / "style.gguf", 0.5)
    nothing = adapter(path_of("instruct"), tmp_path / "nothing.gguf", 0.0)
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "f2", "down", "l")
        pilot.app.screen.query_one("#name", Input).value = str(nothing)
        await press(pilot, "enter")
        await shown(pilot, "said", lambda w: "does not change what the model computes" in w)
        assert library.read_library().entries[1].adapter == ""
        await press(pilot, "l")
        assert pilot.app.screen.query_one("#name", Input).value == str(nothing)  # to be mended
        pilot.app.screen.query_one("#name", Input).value = f"{style}:0.5"
        await press(pilot, "enter")
        await shown(pilot, "said", lambda words: "two runs with style.gguf:0.5" in words)
        await shown(pilot, "about", lambda words: f"with the adapter {style}:0.5" in words)
        assert [e.adapter for e in library.read_library().entries] == ["", f"{style}:0.5"]
        await press(pilot, "l")
        assert pilot.app.screen.query_one("#name", Input).value == f"{style}:0.5"
        pilot.app.screen.query_one("#name", Input).value = ""
        await press(pilot, "enter")
        await shown(pilot, "said", lambda words: "two runs without an adapter" in words)
    assert library.read_library().entries[1].adapter == ""
