"""Signing, exporting, copying and saving on the session screen, by keys alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui import machine
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.screens.dialogs import AskSignature, AskUnsaved
from textual.screen import Screen
from textual.widgets import Input

from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions
from edgemed.clinic.case.document import Origin
from edgemed.clinic.reviewing.review import review as real_review
from edgemed.logs import audit
from tests.tui.driving import case_of, drafted, panes_of, place, press, started, status_of, until
from tests.tui.scripted import DRAFT, NOTE, app, pieces, services


async def test_signing_with_open_major_flags_takes_a_typed_reason(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        assert steps.major_open(case_of(pilot).session)
        await press(pilot, "s")
        assert isinstance(pilot.app.screen, AskSignature)
        await press(pilot, *"Dr A", "enter")
        assert isinstance(pilot.app.screen, AskSignature)
        await press(pilot, *"seen", "enter", "down", "enter")
        session = case_of(pilot).session
        assert session.signature is not None
        assert session.signature.by == "Dr A"
        assert session.signature.reason == "seen"
        panes_of(pilot).draft.focus()
        await press(pilot, "e", "x")
        assert panes_of(pilot).draft.text == DRAFT


async def test_signed_text_is_exported_with_its_evidence_and_the_log_holds(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter", "x")
        pilot.app.screen.query_one("#path", Input).value = str(tmp_path / "out.json")
        await press(pilot, "enter")
        assert "exported" in status_of(pilot)
    data = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert data["text"] == DRAFT
    assert audit.verify(place(tmp_path)).faults == ()
    log = place(tmp_path).log.read_bytes()
    assert not any(word in log for word in (b"furosemide", b"seen", b"penicillin"))


async def test_a_path_that_will_not_do_is_asked_for_again_as_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("another letter")
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter")
        for key, name, mended in (("x", "old.txt", "2.txt"), ("z", "nowhere", "")):
            await press(pilot, key)
            line = pilot.app.screen.query_one("#path", Input)
            line.value = str(tmp_path / name)
            await press(pilot, "enter")
            line, fault = pilot.app.screen.query_one("#path", Input), said(pilot.app.screen)
            assert line.value == str(tmp_path / name) and fault
            line.value = str(tmp_path / mended)
            await press(pilot, "enter")
            assert pilot.app.screen is case_of(pilot)
    assert (tmp_path / "2.txt").exists() and list(tmp_path.glob("*seal*"))


def said(dialog: Screen[object]) -> str:
    """Why the answer to a dialog was not accepted."""
    return str(dialog.query_one("#fault", Words).content)


async def test_a_new_draft_is_kept_in_the_file_of_the_signed_one(tmp_path: Path) -> None:
    words = "eight letters"
    async with drafted(tmp_path) as pilot:
        await press(pilot, "s", *"A", "enter", *"ok", "enter", "down", "enter")
        case_of(pilot).case.lock = sessions.make_lock(words)
        await press(pilot, "ctrl+s", "ctrl+g")
        await until(pilot, "reviewed")
        await press(pilot, "ctrl+s")
        await pilot.app.workers.wait_for_complete()
    (path,) = sessions.saved_in(tmp_path / "sessions")
    kept = sessions.load(path, words)[0].documents
    assert [document.signature is not None for document in kept] == [True, False]


async def test_the_log_names_model_recipe_template_and_settings(tmp_path: Path) -> None:
    (choice,) = machine.demonstration()
    known = machine.hashes_of(choice)
    assert len(known.hash) == len(known.recipe) == 64
    base = services(folder=tmp_path)
    async with started(EdgemedApp(replace(base, hashes_of=lambda _: known), NOTE)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
    (row,) = audit.read(place(tmp_path))
    facts = json.loads(row.facts)
    assert facts["model_hash"] == known.hash
    assert len(facts["template_hash"]) == 64
    assert facts["settings"]["recipe_sha256"] == known.recipe
    assert facts["settings"]["context"] == 4096


async def test_copying_asks_the_first_time_and_is_beside_export(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        given: list[str] = []
        pilot.app.release = given.append  # type: ignore[attr-defined]
        await press(pilot, "s", *"Dr A", "enter", *"seen", "enter", "down", "enter", "c", "enter")
        assert given == []
        await press(pilot, "c", "down", "enter")
        await press(pilot, "c")
        assert given == [DRAFT, DRAFT]
    rows = [row.what for row in audit.read(place(tmp_path))]
    assert rows == ["draft", "sign", "setting", "export", "export"]


async def test_two_sessions_of_one_second_are_saved_apart(tmp_path: Path) -> None:
    for _ in range(2):
        async with drafted(tmp_path) as pilot:
            await press(pilot, "ctrl+s", *"four words", "enter", *"four words", "enter")
            case_of(pilot).case.save()
    assert len(list((tmp_path / "sessions").iterdir())) == 2


async def test_unsaved_work_can_be_saved_where_it_is_asked_for(tmp_path: Path) -> None:
    words = "eight letters"
    async with drafted(tmp_path) as pilot:
        await press(pilot, "ctrl+n")
        assert isinstance(pilot.app.screen, AskUnsaved)
        await press(pilot, "down", "enter", *words, "enter", *words, "enter", "escape")
        await until(pilot, "reviewed")
    (path,) = sessions.saved_in(tmp_path / "sessions")
    assert sessions.load(path, words)[0].text == DRAFT


async def test_a_saved_session_comes_back_with_its_template_and_what_is_missing(
    tmp_path: Path,
) -> None:
    words = "eight letters"
    made = steps.drafted(steps.opened(NOTE), Origin("m", "soap"), DRAFT, cut=True)
    path = tmp_path / "sessions" / f"kept{sessions.ENDING}"
    path.parent.mkdir()
    sessions.save(path, made, sessions.make_lock(words))
    async with started(app(folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+n", *"kept", "enter", *words, "enter")
        await until(pilot, "reviewed")
        template = case_of(pilot).case.template
        assert template is not None and template.name == "soap"
        assert "its end is missing" in str(panes_of(pilot).draft.border_title)


@pytest.mark.parametrize("size", [(80, 24), (60, 14)])
async def test_a_signature_shows_its_fields_and_what_is_missing_in_a_small_window(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    written = "Dear colleague,\n" + "There is a mass in the left lung.\n" * 25
    made = app(ScriptedModel(pieces(written)), folder=tmp_path, review=real_review)
    async with started(made, size) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        await press(pilot, "s", "A")
        dialog = pilot.app.screen

        def seen() -> str:
            return "\n".join(strip.text for strip in dialog._compositor.render_strips())

        assert "Your name" in seen() and " A " in seen()
        await press(pilot, "enter")
        await pilot.pause(0.1)
        assert "type why; without a reason" in seen() and "Type a reason, or go back" in seen()
