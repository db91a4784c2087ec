"""The session screen, driven by keys alone: its panes, its keys, what it says of itself."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.widgets.keys_line import KeysLine
from textual.pilot import Pilot
from textual.widgets import OptionList

from edgemed.clinic.case import session as steps
from edgemed.local_models.process_memory import resident_bytes
from tests.tui.driving import case_of, drafted, panes_of, press, started, status_of, until
from tests.tui.scripted import DRAFT, NOTE, app, pieces


async def test_a_note_becomes_a_checked_draft(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        panes = panes_of(pilot)
        assert panes.draft.text == DRAFT
        assert panes.source.text == NOTE
        assert not panes.draft.history.undo_stack


async def test_the_sentence_under_the_cursor_shows_its_evidence(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "down")
        source = panes_of(pilot).source
        shown = [steps.quoted(source.text, span) for span in source.evidence]
        assert shown == ["Three days of worsening breathlessness and swelling of both legs."]
        await press(pilot, "enter")
        assert source.has_focus


async def test_an_edit_is_checked_again_and_undone_and_redone(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "e", "x", "n")
        panes = panes_of(pilot)
        assert panes.draft.text == f"xn{DRAFT}"
        await until(pilot, "reviewed")
        await press(pilot, "ctrl+z")
        assert panes.draft.text in (DRAFT, f"x{DRAFT}")
        await press(pilot, "ctrl+y", "escape")
        assert panes.draft.text == f"xn{DRAFT}"
        assert case_of(pilot).session.ai_draft == DRAFT
        await press(pilot, "v")
        assert isinstance(pilot.app.screen, CompareScreen)


async def test_a_picker_narrows_as_one_types(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", *"soap")
        assert "SOAP" in str(pilot.app.screen.query_one(OptionList).get_option_at_index(0).prompt)
        await press(pilot, *"zzzz")
        assert pilot.app.screen.query_one(OptionList).option_count == 0
        await press(pilot, "escape")
        assert case_of(pilot).case.template is None


async def test_the_memory_of_all_processes_stands_in_the_status_line(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    model = ScriptedModel(pieces(DRAFT))
    async with started(app(model, folder=tmp_path)) as pilot:
        alone = case_of(pilot).model_thread.resident_bytes()
        assert alone > 20 << 20
        case_of(pilot).model_thread.model = SimpleNamespace(pid=child.pid, close=model.close)  # type: ignore[assignment]
        assert case_of(pilot).model_thread.resident_bytes() - alone > 1 << 20
        case_of(pilot)._measure()
        assert re.search(r"memory \d+ MiB|memory \d\.\d GiB", status_of(pilot))
    child.kill()
    child.communicate()
    assert resident_bytes(child.pid) == 0


async def test_settings_that_cannot_be_written_are_said_and_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgemed_tui.settings.write_whole", full)
    async with drafted(tmp_path) as pilot:
        owner = case_of(pilot).owner
        owner.remember(lock_minutes=3)
        while "the settings cannot be kept" not in status_of(pilot):
            await pilot.pause(0.02)
        assert owner.settings.lock_minutes == 3


async def test_a_search_finds_titles_before_descriptions() -> None:
    choices = [Choice("SOAP note", "for one visit", 1), Choice("Visit dialogue", "talk", 2)]
    async with started(app()) as pilot:
        chosen: list[int | None] = []
        await pilot.app.push_screen(Picker("Template", choices), chosen.append)
        await press(pilot, *"visit", "enter")
        assert chosen == [2]


async def test_keys_are_offered_where_they_do_something(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        panes = panes_of(pilot)
        omission = next(f for f in panes.findings.findings if isinstance(f, steps.Omission))
        flag = next(f for f in panes.findings.findings if not isinstance(f, steps.Omission))
        panes.findings.focus()
        panes.findings.choose(flag)
        await pilot.pause()
        assert "Insert" not in offered(pilot) and "Dismiss" in offered(pilot)
        panes.findings.choose(omission)
        await pilot.pause()
        assert "Insert" in offered(pilot)
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        assert not {"Insert", "Dismiss"} & offered(pilot)


def offered(pilot: Pilot[None]) -> set[str]:
    """What the keys line offers."""
    return {key.does for key in case_of(pilot).query_one(KeysLine).keys}


@pytest.mark.parametrize("signed", [False, True])
async def test_eighty_columns_keep_every_main_key(tmp_path: Path, signed: bool) -> None:
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        await press(pilot, "ctrl+g")
        await until(pilot, "reviewed")
        await press(pilot, "n")
        if signed:
            await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        await pilot.pause()
        shown = [key.does for key in pilot.app.screen.query_one(KeysLine).shown]
        own = ["Addendum", "Export", "Copy"] if signed else ["Edit", "Dismiss", "Sign"]
        assert {"Finding", "Note", "Template", "Draft", *own} <= set(shown)
