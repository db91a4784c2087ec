"""Keys that come faster than they are handled reach the field that they were typed for."""

import asyncio
import time
from pathlib import Path

import pytest
from edgemed_tui.key_order import PATIENCE
from edgemed_tui.messages import DraftEdited
from edgemed_tui.screens.dialogs import AskName, AskPassphrase
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import case_of, drafted, panes_of, press, started, until
from tests.tui.scripted import DRAFT, app

LONG = "abcdefghijkl"  # as long as a passphrase has to be
CHARACTERS = {"tab": "\t", "enter": "\r", "ctrl+n": None}


async def at_once(pilot: Pilot[None], *typed: str) -> None:
    """Type faster than anybody handles: every key is there before the first is looked at."""
    for key in typed:
        if key.startswith("paste:"):
            pilot.app.post_message(events.Paste(key.removeprefix("paste:")))
        else:
            pilot.app.post_message(events.Key(key, CHARACTERS.get(key, key)))
    for _ in range(500):
        await pilot.pause(0.02)
        if not pilot.app.keys_waiting:
            break
    await pilot.pause()


def values(pilot: Pilot[None]) -> list[str]:
    return [line.value for line in pilot.app.screen.query(Input)]


async def dialog(pilot: Pilot[None]) -> None:
    await pilot.app.push_screen(AskPassphrase("t", "about", new=True))
    await pilot.pause()


@pytest.mark.parametrize("mover", ["tab", "enter"])
async def test_a_key_behind_one_that_moves_the_focus_goes_to_the_new_field(mover: str) -> None:
    async with started(app()) as pilot:
        await dialog(pilot)
        await at_once(pilot, *LONG, mover, "B")  # a shorter one is refused, and the focus stays
        assert values(pilot) == [LONG, "B"]


async def test_a_paste_keeps_its_place_between_keys() -> None:
    async with started(app()) as pilot:
        await dialog(pilot)
        await at_once(pilot, "A", "paste:one", "tab", "paste:two", "B")
        assert values(pilot) == ["Aone", "twoB"]


async def test_of_a_paste_into_a_line_of_words_every_line_is_kept() -> None:
    async with started(app()) as pilot:
        await pilot.app.push_screen(AskName("t", "about", ""))
        await at_once(pilot, "A", "paste:one\r\n\n two\n", "B", "paste:\n")
        assert values(pilot) == ["Aone twoB"]
        pilot.app.copy_to_clipboard("three\nfour")
        await press(pilot, "ctrl+v")
        assert values(pilot) == ["Aone twoBthree four"]


async def test_letters_behind_a_key_that_opens_a_list_search_in_it() -> None:
    async with started(app()) as pilot:
        await at_once(pilot, "ctrl+t", "s", "o", "a", "p")
        assert values(pilot) == ["soap"]


async def test_a_hundred_keys_at_once_keep_their_order() -> None:
    text = "".join(chr(97 + i % 26) for i in range(100))
    async with started(app()) as pilot:
        await dialog(pilot)
        await at_once(pilot, *text, "tab", *text)
        assert values(pilot) == [text, text]


async def test_an_error_behind_a_key_ends_the_app_as_any_other_does() -> None:
    made = app()

    async def broken() -> None:
        raise ZeroDivisionError

    made.action_help = broken  # type: ignore[assignment, method-assign]
    with pytest.raises(ZeroDivisionError):
        async with started(made) as pilot:
            await at_once(pilot, "f1")


@pytest.mark.parametrize("turns", [1, 5, 20, 60])
async def test_a_key_that_comes_while_a_dialog_opens_waits_for_it(turns: int) -> None:
    async with started(app()) as pilot:
        for key in ("ctrl+t", *"soap"):
            pilot.app.post_message(events.Key(key, CHARACTERS.get(key, key)))
            for _ in range(turns):
                await asyncio.sleep(0)
        await at_once(pilot)
        assert values(pilot) == ["soap"]


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8, 13, 21, 34])
async def test_letters_wait_for_a_dialog_on_a_machine_that_stands_still(turns: int) -> None:
    """The time that a key is waited for may pass before anything could run."""
    async with started(app()) as pilot:
        for key in ("ctrl+t", *"soap"):
            pilot.app.post_message(events.Key(key, CHARACTERS.get(key, key)))
        for _ in range(turns):
            await asyncio.sleep(0)
        time.sleep(PATIENCE + 0.1)
        await at_once(pilot)
        assert values(pilot) == ["soap"]


async def test_an_edit_that_comes_late_takes_nothing_back_that_was_typed_since(
    tmp_path: Path,
) -> None:
    """On a busy machine the case hears of a letter when the next ones are already typed."""
    async with drafted(tmp_path) as pilot:
        screen, pane = case_of(pilot), panes_of(pilot).draft
        pane.focus()
        await press(pilot, "e", "a", "b")
        for late in ("a", ""):  # of a text that was checked meanwhile, then of one that was not
            await until(pilot, "reviewed")
            pane.insert("c")  # the pane has it, and its message is on its way
            typed = pane.text
            screen.drafting.told(DraftEdited(late + DRAFT, pane.number))
            assert pane.text == typed
        await until(pilot, "draft")
        await until(pilot, "reviewed")
        assert pane.text == screen.session.text == "abcc" + DRAFT
        assert pane.cursor_location == (0, 4)
