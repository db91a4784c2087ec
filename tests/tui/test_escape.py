"""Escape keeps its meaning, however soon the next key follows."""

import shutil
import sys
import time
from pathlib import Path

import pytest
from edgemed_tui.app import EdgemedApp
from edgemed_tui.escape import DELAY, AltOrEscape, Parser, meant
from edgemed_tui.screens.dialogs import AskName
from textual import constants, events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.driving import drafted, panes_of, press
from tests.tui.scripted import NOTE, app
from tests.tui.terminal import Terminal


@pytest.fixture(autouse=True)
def delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", DELAY)


def keys(*reads: str) -> list[tuple[str, str | None]]:
    """The keys of what a terminal sends in so many reads, then falls silent."""
    parser = Parser()
    found = [key for read in reads for key in parser.feed(read)]
    time.sleep(DELAY * 1.2)
    found += parser.tick()
    typed = [key for one in found for key in meant(one, None) if isinstance(key, events.Key)]
    return [(key.key, key.character) for key in typed]


@pytest.mark.parametrize(
    ("after", "name"),
    [
        ("s", "s"),
        ("S", "S"),
        ("f", "f"),  # Textual's name for it is ctrl+right
        ("b", "b"),
        ("1", "1"),
        ("[", "left_square_bracket"),
        ("O", "O"),
        (" ", "space"),
        ("\x0e", "ctrl+n"),
        ("\r", "enter"),
        ("\t", "tab"),
        ("\x7f", "backspace"),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_escape_and_a_key_are_two_keys(after: str, name: str, split: bool) -> None:
    sent = ("\x1b", after) if split else (f"\x1b{after}",)
    assert [key for key, _ in keys(*sent)] == ["escape", name]


def test_what_follows_the_key_is_typed_as_it_is() -> None:
    assert "".join(character or "" for _, character in keys("ZZ\x1b", "s", "QQ")) == "ZZ\x1bsQQ"
    assert [key for key, _ in keys("\x1b\x1bs")] == ["escape", "escape", "s"]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("\x1b[A", "up"),
        ("\x1bOA", "up"),
        ("\x1b[1;3D", "alt+left"),
        ("\x1b[1;3C", "alt+right"),
        ("\x1b[1;5C", "ctrl+right"),
        ("\x1b[115;3u", "alt+s"),  # of a terminal that says what was pressed with what
        ("\x1b[27u", "escape"),
        ("\x1bOP", "f1"),
        ("\x1b[3~", "delete"),
    ],
)
def test_a_sequence_of_the_terminal_is_the_key_that_it_names(sent: str, name: str) -> None:
    assert [key for key, _ in keys(sent)] == [name]
    assert [key for key, _ in keys(*sent)] == [name]  # byte by byte, as over a slow line


def test_an_escape_that_nothing_follows_in_time_is_one() -> None:
    parser = Parser()
    first = list(parser.feed("\x1b"))
    time.sleep(DELAY * 1.2)
    assert [key.key for key in (*first, *parser.feed("[A")) if isinstance(key, events.Key)] == [
        "escape",
        "left_square_bracket",
        "A",
    ]


def test_the_screen_reads_its_terminal_so() -> None:
    made = app()
    assert isinstance(made, EdgemedApp)
    module = sys.modules[made.driver_class.__module__]
    assert module.XTermParser is Parser
    assert constants.ESCAPE_DELAY == DELAY


async def at_once(pilot: Pilot[None], *sent: str) -> None:
    """What a terminal sends in so many reads, typed."""
    parser = Parser()
    for key in (key for read in sent for key in parser.feed(read)):
        pilot.app.post_message(key)
    for _ in range(500):
        await pilot.pause(0.02)
        if not pilot.app.keys_waiting:  # type: ignore[attr-defined]
            return


async def test_alt_with_an_arrow_goes_over_a_word_where_a_field_has_the_focus(
    tmp_path: Path,
) -> None:
    """Option with an arrow or Backspace, as a Mac's terminal sends it, leaves no field of text."""
    async with drafted(tmp_path) as pilot:
        pane = panes_of(pilot).draft
        await press(pilot, "e")
        await at_once(pilot, "\x1bf", "Z")
        assert not pane.read_only
        assert pane.text.startswith("ReasonZ for")
        await press(pilot, "escape")
        await at_once(pilot, "\x1bf")
        assert pane.read_only
        dialog = AskName("Name", "about", "Anna Bell Cole")
        await pilot.app.push_screen(dialog)
        await at_once(pilot, "\x1bb", "\x1bb", "X", "\x1bf", "Y", "\x1b\x7f")
        assert dialog.query_one(Input).value == "Anna XBell Cole"
        await at_once(pilot, "\x1b", "b")
        assert pilot.app.screen is not dialog


def test_alt_is_told_from_escape_by_what_came_at_once() -> None:
    parser = Parser()
    assert [type(key) for key in parser.feed("\x1bb")] == [AltOrEscape]
    assert next(key for read in ("\x1b", "b") for key in parser.feed(read)).key == "escape"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux here")
def test_typed_at_fifteen_keys_a_second_in_a_terminal(tmp_path: Path) -> None:
    """Leave the text, take a step, type on: no letter behind the Escape is in the text."""
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    command = [sys.executable, "-m", "tests.tui.scripted", "0.02", str(tmp_path)]
    terminal = Terminal(command, tmp_path, (120, 40))
    try:
        terminal.shows("DISCHARGE NOTE")
        terminal.press("C-t")
        terminal.shows("type to search")
        terminal.type("Hand-off")
        terminal.press("Enter", "C-g")
        terminal.shows("● checked")
        for key in ("n", "e", "Z", "Z", "Escape", "z", "Q", "Q"):  # z always opens something
            terminal.tmux("send-keys", key)
            time.sleep(1 / 15)
        terminal.shows("QQ")
        terminal.press("Escape")
        terminal.shows("e Edit")
        terminal.press("e", "Right")
        screen = terminal.shows("editing: escape")
        assert "ZZFurosemide" in screen
    finally:
        terminal.close()
