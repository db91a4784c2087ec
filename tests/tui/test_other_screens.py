"""Help, jumping, the welcome, the palette: each by keys alone."""

from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_tui import machine
from edgemed_tui.literal import Words
from edgemed_tui.screens.dialogs import Confirm
from edgemed_tui.screens.help import HelpScreen
from edgemed_tui.screens.jump import JumpScreen
from edgemed_tui.screens.notes import NotePicker, TypeNote
from edgemed_tui.screens.picker import Picker
from edgemed_tui.screens.welcome import WelcomeScreen
from edgemed_tui.settings import Settings, load
from edgemed_tui.widgets.keys_line import KeysLine, Shown, arranged
from textual.widgets import Input, OptionList, TextArea

from edgemed.machine.check import Check
from tests.tui.driving import case_of, drafted, panes_of, press, shown, started, until
from tests.tui.scripted import NOTE, app


async def test_help_speaks_of_the_focused_part_and_lists_its_keys(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        panes_of(pilot).findings.focus()
        await press(pilot, "f1")
        screen = pilot.app.screen
        assert isinstance(screen, HelpScreen)
        assert "What the check found" in screen._about
        assert "Template" in str(screen.query_one("#keys", Words).content)
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, HelpScreen)


def test_keys_that_do_not_fit_are_left_out_whole() -> None:
    keys = [Shown("a", "a", "Add"), Shown("u", "u", "Use"), Shown("escape", "esc", "Back")]
    add, use, back = keys
    assert arranged(keys, 22) == ([keys], 2)
    assert arranged(keys, 21) == ([keys], 1)
    assert arranged(keys, 19) == ([[add, use], [back]], 2)
    assert arranged(keys, 8) == ([[add], [use]], 2)
    assert arranged(keys, 4) == ([[]], 2)
    spared = Shown("enter", "⏎", "Evidence")
    assert arranged([add, use, spared, back], 12) == ([[add, use], [back]], 2)


async def test_a_click_on_the_bottom_line_presses_the_key(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        line = case_of(pilot).query_one(KeysLine)
        names = [key.does for key in line.shown]
        await pilot.click(KeysLine, offset=(line.starts[0][names.index("Template")] + 1, 0))
        await pilot.pause()
        assert isinstance(pilot.app.screen, Picker)


@pytest.mark.parametrize(
    ("key", "words"), [("f2", "Models"), ("f3", "Merge two models"), ("f4", "Sweep")]
)
async def test_help_speaks_of_the_screen_where_its_part_has_none(
    tmp_path: Path, key: str, words: str
) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, key, "f1")
        screen = pilot.app.screen
        assert isinstance(screen, HelpScreen)
        assert screen._about.startswith(f"## {words}")


async def test_ctrl_c_says_once_how_to_quit_however_often_it_is_pressed(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        for keys in (("ctrl+c", "ctrl+c"), ("ctrl+n", "ctrl+c", "ctrl+c")):  # a field: no copy
            await press(pilot, *keys)
            (notice,) = pilot.app._notifications
            assert "ctrl+q" in notice.message


async def test_a_letter_jumps_to_its_part(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        panes_of(pilot).source.focus()
        await press(pilot, "ctrl+o")
        assert isinstance(pilot.app.screen, JumpScreen)
        await press(pilot, "s")
        assert panes_of(pilot).draft.has_focus


async def test_the_first_run_welcomes_once_and_offers_a_sample(tmp_path: Path) -> None:
    made = app(folder=tmp_path, note=None)
    async with started(made) as pilot:
        assert isinstance(pilot.app.screen, WelcomeScreen)
        await shown(pilot, "found", lambda words: "! warning disk: 2 GiB free" in words)
        await press(pilot, "enter")
        assert case_of(pilot).session.source == NOTE
    assert load(tmp_path / "screen.toml").welcomed
    async with started(app(folder=tmp_path, note=None)) as pilot:
        assert not isinstance(pilot.app.screen, WelcomeScreen)


async def test_the_welcome_says_what_doctor_says_of_this_machine(tmp_path: Path) -> None:
    made = app(folder=tmp_path, note=None)
    made.services = replace(made.services, doctor=machine.doctor)
    async with started(made) as pilot:
        await shown(pilot, "found", lambda words: "terminal, kernel cache" in words)


async def test_a_machine_that_cannot_be_looked_at_is_no_endless_wait(tmp_path: Path) -> None:
    def doctor() -> list[Check]:
        raise RuntimeError("the disk is gone")

    made = app(folder=tmp_path, note=None)
    made.services = replace(made.services, doctor=doctor)
    async with started(made) as pilot:
        await shown(pilot, "found", lambda words: "edgemed doctor" in words)


async def test_the_sample_comes_with_the_template_that_the_demonstration_model_knows(
    tmp_path: Path,
) -> None:
    for demonstration, name in ((True, "sample"), (False, None)):
        folder = tmp_path / str(demonstration)
        folder.mkdir()
        made = app(folder=folder, note=None, demonstration=demonstration)
        async with started(made) as pilot:
            await press(pilot, "enter")
            template = case_of(pilot).case.template
            assert (template.name if template else None) == name


async def test_a_note_is_found_by_name_by_path_and_typed(tmp_path: Path) -> None:
    (tmp_path / "ward.txt").write_text("Seen on the ward, no fever [x] today.\n", "utf-8")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x.md").write_text("Na 128 [L] and four words more.\n", "utf-8")
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+n", *"ward", "enter")
        await pilot.pause()
        assert case_of(pilot).session.source.startswith("Seen on the ward")
        await press(pilot, "ctrl+n")
        pilot.app.screen.query_one(Input).value = "deep/x.md"
        await press(pilot, "enter")
        assert case_of(pilot).session.source.startswith("Na 128 [L]")
        await press(pilot, "ctrl+n")
        pilot.app.screen.query_one(Input).value = "none.txt"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, NotePicker)
        assert "cannot be read" in str(pilot.app.screen.query_one("#empty", Words).content)
        await press(pilot, "ctrl+v")
        assert isinstance(pilot.app.screen, TypeNote)
        await press(pilot, *"typed by hand five words", "ctrl+g")
        assert case_of(pilot).session.source == "typed by hand five words"


@pytest.mark.parametrize("key", ["escape", "ctrl+q"])
async def test_a_page_with_a_text_is_left_only_with_a_yes(key: str) -> None:
    async with started(app(note=None)) as pilot:
        await press(pilot, "escape", "2", *"all mine", key)
        assert isinstance(pilot.app.screen, Confirm)
        await press(pilot, "enter")  # go back
        page = pilot.app.screen
        assert isinstance(page, TypeNote) and page.query_one(TextArea).text == "all mine"
        await press(pilot, key, "down", "enter")
        assert pilot.app._exit or pilot.app.screen is case_of(pilot)


async def test_an_empty_page_is_left_at_once() -> None:
    async with started(app(note=None)) as pilot:
        await press(pilot, "escape", "2", "space", "escape")
        assert pilot.app.screen is case_of(pilot)


async def test_the_palette_runs_what_a_key_would(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+p")
        await press(pilot, *"theme")
        await pilot.pause(0.5)
        await press(pilot, "enter")
        await pilot.pause(0.3)
        assert isinstance(pilot.app.screen.query_one("#choices"), OptionList)
        await press(pilot, *"light", "enter")
        assert pilot.app.theme == "light"
    assert load(tmp_path / "screen.toml") == Settings(theme="light")


async def test_a_narrow_terminal_stacks_and_a_wide_one_sets_side_by_side(tmp_path: Path) -> None:
    for size, stacked in (((80, 24), True), ((120, 40), False)):
        async with started(app(folder=tmp_path), size) as pilot:
            panes = panes_of(pilot)
            assert (panes.source.region.x == panes.next.region.x) is stacked
            await press(pilot, "ctrl+t", "enter", "ctrl+g")
            await until(pilot, "reviewed")
            assert (panes.source.region.x == panes.draft.region.x) is stacked
