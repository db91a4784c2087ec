"""The screen while the audit log refuses: it is said, nothing is lost, and the step works later."""

import errno
import os
from pathlib import Path

import pytest
from edgemed_tui.screens.ask_path import AskPath
from edgemed_tui.screens.dialogs import AskSignature, AskUnsaved
from edgemed_tui.widgets.status import Notice, StatusLine
from textual.pilot import Pilot
from textual.widgets import Input

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.logs import audit, database, seals
from edgemed.logs.audit import Log
from tests.tui.driving import case_of, drafted, panes_of, press, started, until
from tests.tui.held_log import held, place
from tests.tui.scripted import DRAFT, app


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)


def said(pilot: Pilot[None]) -> str:
    screen = case_of(pilot)
    return f"{screen.query_one(Notice).content} {screen.query_one(StatusLine).content}"


async def test_a_draft_that_cannot_be_logged_stands_and_goes_in_with_the_next_step(
    tmp_path: Path,
) -> None:
    with held(tmp_path):
        async with started(app(folder=tmp_path)) as pilot:
            await press(pilot, "ctrl+t", "enter", "ctrl+g")
            await until(pilot, "reviewed")
            assert panes_of(pilot).draft.text == DRAFT
            assert "the draft is not in the audit log yet" in said(pilot)
            await press(pilot, "ctrl+q")
            assert isinstance(pilot.app.screen, AskUnsaved)
            await press(pilot, "escape", "ctrl+s", *"eight letters", "enter", *"eight letters")
            await press(pilot, "enter")
            assert "saved, encrypted" in said(pilot)
            assert not case_of(pilot).case.at_stake
    (path,) = (tmp_path / "sessions").glob(f"*{sessions.ENDING}")
    assert sessions.load(path, "eight letters")[0].text == DRAFT


async def test_a_signature_that_cannot_be_logged_is_not_given_and_is_typed_once(
    tmp_path: Path,
) -> None:
    async with drafted(tmp_path) as pilot:
        with held(tmp_path):
            await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
            assert case_of(pilot).session.signature is None
            assert case_of(pilot).session.text == DRAFT
            assert "in use by another program" in said(pilot)
        await press(pilot, "s")
        dialog = pilot.app.screen
        assert isinstance(dialog, AskSignature)
        assert (dialog.typed("by"), dialog.typed("reason")) == ("Dr A", "seen")
        await press(pilot, "enter", "down", "enter")
        assert case_of(pilot).session.signature is not None
        assert "z keeps a seal" in said(pilot)
    assert [row.what for row in audit.read(place(tmp_path))] == ["draft", "sign"]
    assert audit.verify(place(tmp_path)).faults == ()


async def test_a_dismissal_that_cannot_be_logged_is_not_taken(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        with held(tmp_path):
            await press(pilot, "n", "d", "down", "enter")
            await pilot.pause(0.2)
            assert case_of(pilot).session.dismissals == ()
            assert "in use by another program" in said(pilot)
        await press(pilot, "d", "down", "enter")
        await pilot.pause(0.2)
        assert len(case_of(pilot).session.dismissals) == 1


async def test_a_log_that_was_changed_stands_against_signing_and_not_against_saving(
    tmp_path: Path,
) -> None:
    Log(place(tmp_path)).add("sign", "Dr A", "2026-01-01T00:00:00+00:00", {})
    place(tmp_path).seal.unlink()
    async with drafted(tmp_path) as pilot:
        assert "the seal is missing" in said(pilot)
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        assert case_of(pilot).session.signature is None
        assert case_of(pilot).session.text == DRAFT
        await press(pilot, "ctrl+s", *"eight letters", "enter", *"eight letters", "enter")
        assert not case_of(pilot).case.at_stake


async def test_settings_that_find_no_room_are_said_and_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with drafted(tmp_path) as pilot:
        monkeypatch.setattr("edgemed_tui.settings.write_whole", full)
        case_of(pilot).owner.remember(lock_minutes=3)
        await pilot.pause()
        assert "the settings cannot be kept in" in said(pilot)


async def test_a_seal_is_kept_from_the_screen_and_offered_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    monkeypatch.setattr(seals, "media", lambda: iter((stick,)))
    monkeypatch.setattr(seals, "SIGNATURES", 1)
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        assert "no seal of the audit log is kept elsewhere yet" in said(pilot)
        await press(pilot, "z")
        assert isinstance(pilot.app.screen, AskPath)
        assert pilot.app.screen.query_one("#path", Input).value == str(stick)
        await press(pilot, "enter")
        assert "seal kept" in said(pilot)
        assert steps.stage(case_of(pilot).session) == "signed"
    (kept,) = stick.iterdir()
    assert audit.verify(place(tmp_path), seals.seal_from(str(kept))).faults == ()
