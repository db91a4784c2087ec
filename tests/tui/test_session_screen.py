"""The session screen, driven by keys alone: its panes, its keys, what it says of itself."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import TypeGuard

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.inspect import InspectScreen
from edgemed_tui.screens.merge import MergeScreen
from edgemed_tui.screens.models import ModelsScreen
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.report import ReportScreen
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.screens.sweep import SweepScreen
from edgemed_tui.widgets.draft_pane import DraftPane
from edgemed_tui.widgets.keys_line import KeysLine, Shown, arranged
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.text_pane import Mark, TextPane
from textual.binding import Binding, BindingType
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


async def test_the_first_letter_of_an_edit_draws_no_mark_of_the_text_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stand a letter off, and every row with a mark would be drawn twice for it."""
    marked: list[int] = []
    mark = TextPane.mark

    def counted(pane: TextPane, marks: Iterable[Mark]) -> None:
        found = list(marks)
        marked.append(len(found))
        mark(pane, found)

    async with drafted(tmp_path) as pilot:
        await press(pilot, "n", "e")
        monkeypatch.setattr(TextPane, "mark", counted)
        await press(pilot, "x")
        assert marked and not any(marked)


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
async def test_eighty_columns_show_every_key_of_a_session(tmp_path: Path, signed: bool) -> None:
    async with drafted(tmp_path, size=(80, 24)) as pilot:
        await press(pilot, "ctrl+g")
        await until(pilot, "reviewed")
        panes_of(pilot).source.focus()  # whence all is offered: evidence, dismiss, insert
        await press(pilot, *"nnn")
        if signed:
            await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        await pilot.pause()
        line = pilot.app.screen.query_one(KeysLine)
        own = ["Addendum", "Export", "Copy"] if signed else ["Dismiss", "Insert", "Sign"]
        assert {"Finding", "Evidence", "Documents", "Save", *own} <= {k.does for k in line.shown}
        assert line.shown == line.keys and line.size.height == len(line.rows) == 2
        assert all(len(row) <= 80 for row in str(line.content).splitlines())


STATES = (("edit", "sign"), ("edit", "sign_not"), ("read",), ("addendum", "export", "copy"))
"""What a session offers in one state and not in another."""


def test_eighty_columns_have_room_for_the_keys_of_every_screen_and_state() -> None:
    made = app()
    pages = {page: [page] for page in (InspectScreen, MergeScreen, ModelsScreen, ReportScreen)}
    parts = {**pages, SweepScreen: [SweepScreen], SessionScreen: [DraftPane, ReviewPane]}
    for page, owners in parts.items():
        bindings = {b.action: b for o in (*owners, page) for b in o.BINDINGS if named(b)}
        states = STATES if page is SessionScreen else ((),)
        own = {action for state in states for action in state}
        assert bindings and own <= bindings.keys()
        for state in states:
            keys = [
                Shown(b.key, made.get_key_display(b), b.description)
                for action, b in bindings.items()
                if action in state or action not in own
            ]
            rows, _ = arranged(keys, 80)
            assert [key for row in rows for key in row] == keys, (page, state)


def named(binding: BindingType) -> TypeGuard[Binding]:
    """Whether the keys line may name it."""
    return isinstance(binding, Binding) and binding.show
