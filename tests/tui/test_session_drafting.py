"""Drafts on the session screen: models that load late, break, stop, read ahead; templates."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from edgemed_models.base import LanguageModel
from edgemed_models.fake import ScriptedModel
from edgemed_tui import machine
from edgemed_tui.app import EdgemedApp
from edgemed_tui.messages import NotePasted
from edgemed_tui.screens.dialogs import AskUnsaved
from edgemed_tui.screens.picker import Picker
from edgemed_tui.services import ModelChoice

from edgemed.clinic.case import session as steps
from edgemed.errors import EdgemedError
from tests.tui.driving import case_of, drafted, panes_of, place, press, started, status_of, until
from tests.tui.scripted import DRAFT, NOTE, app, pieces, services


async def test_a_demonstration_draft_is_headed_so_and_cannot_be_signed(tmp_path: Path) -> None:
    async with drafted(tmp_path, demonstration=True) as pilot:
        assert steps.DEMONSTRATION in str(panes_of(pilot).draft.border_title)
        await press(pilot, "s")
        assert "demonstration draft cannot be signed" in status_of(pilot)
        assert "add a real model: f2" in status_of(pilot)
        await press(pilot, "x", "c")
        assert case_of(pilot).session.signature is None


async def test_the_demonstration_model_is_not_trusted_with_other_templates(tmp_path: Path) -> None:
    async with drafted(tmp_path, demonstration=True) as pilot:
        assert "has not learned this template" in status_of(pilot)
    async with drafted(tmp_path / "real") as pilot:
        assert "has not learned" not in status_of(pilot)


async def test_an_engine_that_breaks_leaves_what_was_written(tmp_path: Path) -> None:
    model = ScriptedModel(pieces(DRAFT), fail_after=12)
    async with drafted(tmp_path, model) as pilot:
        assert panes_of(pilot).draft.text == "".join(pieces(DRAFT)[:12])
        assert case_of(pilot).session.cut
        assert "the model process ended" in status_of(pilot)


async def test_a_model_that_writes_nothing_is_named(tmp_path: Path) -> None:
    async with started(app(ScriptedModel([" "]), folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        while "the model wrote nothing" not in status_of(pilot):
            await pilot.pause(0.02)
        assert steps.stage(case_of(pilot).session) == "note"


async def test_escape_stops_the_model_and_keeps_what_is_there(tmp_path: Path) -> None:
    model = ScriptedModel(pieces(DRAFT), delay=0.05)
    async with started(app(model, folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        while not panes_of(pilot).stream.text:
            await pilot.pause(0.02)
        await press(pilot, "escape")
        await until(pilot, "reviewed")
        assert 0 < len(panes_of(pilot).draft.text) < len(DRAFT)
        assert case_of(pilot).session.cut


async def test_a_draft_of_the_last_note_never_reaches_the_next(tmp_path: Path) -> None:
    model = ScriptedModel(pieces(DRAFT), delay=0.05)
    async with started(app(model, folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        while not panes_of(pilot).stream.text:
            await pilot.pause(0.02)
        case_of(pilot).post_message(NotePasted("Another patient, with a cough.\n"))
        await pilot.pause(0.1)
        assert isinstance(pilot.app.screen, AskUnsaved)  # what is being written would be lost
        await press(pilot, "end", "enter")
        await pilot.pause(0.3)
        assert case_of(pilot).session == steps.opened("Another patient, with a cough.\n")
        assert not case_of(pilot).streaming and panes_of(pilot).draft.text == ""
    assert not place(tmp_path).log.exists()


async def test_a_draft_is_recorded_as_of_the_model_and_template_that_wrote_it(
    tmp_path: Path,
) -> None:
    model = ScriptedModel(pieces(DRAFT), delay=0.05)
    async with started(app(model, folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        while not panes_of(pilot).stream.text:
            await pilot.pause(0.02)
        wrote = case_of(pilot).case.template
        await press(pilot, "ctrl+t", "down", "enter")
        case_of(pilot).drafting.take_model(ModelChoice("another", "", "11aa"))
        await until(pilot, "reviewed")
        origin = case_of(pilot).session.origin
        assert origin is not None and wrote is not None
        assert (origin.model, origin.template) == ("scripted", wrote.name)
        assert case_of(pilot).case.template != wrote


async def test_the_note_is_read_while_a_template_is_chosen(tmp_path: Path) -> None:
    model = ScriptedModel(pieces(DRAFT))
    async with started(app(model, folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t")
        assert isinstance(pilot.app.screen, Picker)
        assert model.requests
        assert model.requests[0].max_tokens == 1
        assert NOTE in model.requests[0].messages[1].content


async def test_a_new_draft_beside_unsaved_work_asks_nothing_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with drafted(tmp_path) as pilot:
        panes_of(pilot).draft.focus()
        await press(pilot, "e", *"Mine.", "escape", "ctrl+g")
        await until(pilot, "reviewed")
        assert "Document 2 of 2" in str(panes_of(pilot).draft.border_title)
        assert panes_of(pilot).draft.text == DRAFT
        await press(pilot, "o", "1", "enter")
        assert panes_of(pilot).draft.text.startswith("Mine.")


async def test_the_template_used_most_has_the_first_key(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path)) as pilot:
        assert "Choose a template" in str(panes_of(pilot).next.content)
        await press(pilot, "3")
        assert "Draft: Referral letter" in str(panes_of(pilot).next.content)
        await press(pilot, "ctrl+g")
        await until(pilot, "reviewed")
        assert not panes_of(pilot).next.display
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "1")
        assert "Draft: Referral letter" in str(panes_of(pilot).next.content)


async def test_a_model_that_could_not_be_loaded_is_tried_again_for_a_draft(tmp_path: Path) -> None:
    base, tries = services(ScriptedModel(pieces(DRAFT)), folder=tmp_path), 0

    def open_model(choice: ModelChoice) -> LanguageModel:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise EdgemedError("the stick was pulled out", "put it in again")
        return base.open_model(choice)

    async with EdgemedApp(replace(base, open_model=open_model), NOTE).run_test() as pilot:
        while "the stick was pulled out" not in status_of(pilot):
            await pilot.pause(0.02)
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        assert panes_of(pilot).draft.text == DRAFT


async def test_a_draft_asked_for_while_the_model_loads_is_written(tmp_path: Path) -> None:
    base, gate = (
        services(ScriptedModel(pieces(DRAFT), delay=0.002), folder=tmp_path),
        threading.Event(),
    )

    def open_model(choice: ModelChoice) -> LanguageModel:
        gate.wait(10)
        return base.open_model(choice)

    async with EdgemedApp(replace(base, open_model=open_model), NOTE).run_test() as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        assert case_of(pilot).streaming
        gate.set()
        await until(pilot, "reviewed")
        assert panes_of(pilot).draft.text == DRAFT
        assert not case_of(pilot).session.cut


async def test_reading_ahead_that_breaks_costs_no_work(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        thread, before = case_of(pilot).model_thread, case_of(pilot).session

        def broken(messages: object) -> int:
            raise ValueError("words of a note")

        thread.model = SimpleNamespace(count=broken, context=9, cancel=int, close=int)  # type: ignore[assignment]
        note = case_of(pilot).drafting.note
        assert note is not None
        thread.read(note)
        while "the engine failed: ValueError in" not in status_of(pilot):
            await pilot.pause(0.02)
        assert case_of(pilot).session == before
        assert "words of a note" not in status_of(pilot)


def test_the_demonstration_model_is_made_by_one_thread_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at_work = threading.Lock()

    def merged_model() -> Path:
        assert at_work.acquire(blocking=False), "two threads make the same file"
        time.sleep(0.05)
        at_work.release()
        return tmp_path

    monkeypatch.setattr(machine, "merged_model", merged_model)
    (choice,) = machine.demonstration()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(machine.file_of, [choice] * 4)) == {tmp_path}


async def test_a_note_that_does_not_fit_is_refused_with_what_a_clinician_can_do(
    tmp_path: Path,
) -> None:
    model = ScriptedModel(pieces(DRAFT), context=200)
    async with started(app(model, folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await pilot.pause(0.2)
        assert "this model has no room for a note with this template" in status_of(pilot)
        assert "token" not in status_of(pilot) and "context" not in status_of(pilot)
        assert "ctrl+l: a model with more room; or ctrl+n" in status_of(pilot)
