"""Paths that no file can have, typed where the screen asks for one: said, and nothing is lost."""

from pathlib import Path

import pytest
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.notes import NotePicker
from edgemed_tui.widgets.status import Notice
from textual.widgets import Input

from edgemed.clinic.case import sessions
from tests.tui.driving import case_of, drafted, press
from tests.tui.scripted import DRAFT

LONG = "/" + "a" * 300 + "/out.txt"
NOBODY = "~no-such-user-here/out.txt"


@pytest.mark.parametrize("typed", [NOBODY, LONG, "/dev/null/out.txt", "a\0b.txt"])
async def test_an_export_to_no_possible_place_keeps_the_signed_text(
    tmp_path: Path, typed: str
) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter", "x")
        pilot.app.screen.query_one("#path", Input).value = typed
        await press(pilot, "enter")
        dialog = pilot.app.screen
        if isinstance(dialog, AskPath):
            assert "no" in str(dialog.query_one("#fault").content)  # type: ignore[attr-defined]
            await press(pilot, "escape")
        else:
            said = str(case_of(pilot).query_one(Notice).content)
            assert "no such folder" in said or "no file can have this name" in said
        assert case_of(pilot).session.signature is not None
        assert case_of(pilot).session.text == DRAFT
        assert case_of(pilot).case.at_stake


@pytest.mark.parametrize("typed", [NOBODY, LONG])
async def test_a_note_at_no_possible_place_is_said_in_the_list(tmp_path: Path, typed: str) -> None:
    async with drafted(tmp_path) as pilot:
        case_of(pilot).case.save(sessions.make_lock("eight letters"))
        await press(pilot, "ctrl+n")
        picker = pilot.app.screen
        assert isinstance(picker, NotePicker)
        picker.query_one("#search", Input).value = typed
        await press(pilot, "enter")
        assert pilot.app.screen is picker
        assert picker.query_one("#empty").display
        await press(pilot, "escape")
        assert case_of(pilot).session.text == DRAFT
