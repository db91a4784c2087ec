"""Adapters that the screen runs beside a model: named in its list."""

from pathlib import Path

from edgemed_models.scale import path_of
from edgemed_tui.machine import desk

from edgemed.adapters.naming import Use
from edgemed.local_models.loading import Options


def test_adapters_are_shown_beside_every_model(tmp_path: Path) -> None:
    named = str(path_of("instruct"))
    beside = desk(named, Options(adapters=(Use(tmp_path / "letters.gguf", 0.5),)))
    assert all("with letters.gguf:0.5" in choice.about for choice in beside.models())
    assert not any("letters" in choice.about for choice in desk(named, Options()).models())
