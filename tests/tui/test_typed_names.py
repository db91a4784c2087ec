"""File names as they are typed on the screen: none of them ends it."""

from pathlib import Path

import pytest
from edgemed_tui.literal import Words
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.models import ModelPicker
from edgemed_tui.screens.notes import NotePicker
from edgemed_tui.typed import path_of
from textual.widgets import Input

from edgemed.errors import UsageError
from tests.tui.driving import case_of, drafted, press, started
from tests.tui.scripted import DRAFT, app

ODD = ("~nobody99/x.txt", "~nobody99", '"~nobody99/x"', "x\0.txt")


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_name_for_an_export_is_said_in_the_dialog(tmp_path: Path, name: str) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter", "x")
        dialog = pilot.app.screen
        assert isinstance(dialog, AskPath)
        dialog.query_one("#path", Input).value = name
        await press(pilot, "enter")
        assert pilot.app.screen is dialog
        assert str(dialog.query_one("#fault", Words).content)
        dialog.query_one("#path", Input).value = f"'{tmp_path}/Dr. O'Brien.txt'"
        await press(pilot, "enter")
        assert case_of(pilot).session.text == DRAFT
    assert (tmp_path / "Dr. O'Brien.txt").exists()


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_name_for_a_note_or_a_model_is_said_in_the_list(
    tmp_path: Path, name: str
) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        for picker in (NotePicker(tmp_path, []), ModelPicker()):
            pilot.app.push_screen(picker)
            await pilot.pause()
            picker.query_one("#search", Input).value = name
            await press(pilot, "enter")
            assert pilot.app.screen is picker
            assert "(" in str(picker.query_one("#empty", Words).content)
            await press(pilot, "escape")


def test_quotes_around_a_name_go_and_those_in_it_stay() -> None:
    assert path_of(' "of two words.txt" ') == Path("of two words.txt")
    assert path_of("Dr. O'Brien.txt") == Path("Dr. O'Brien.txt")
    assert path_of("'") == Path("'")
    assert path_of("~/x") == Path.home() / "x"
    for name in ("", " ", '""', "a\0", "~nobody99/x"):
        with pytest.raises(UsageError):
            path_of(name)
