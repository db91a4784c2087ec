"""The session screen, driven by keys alone: from a note to a signed, exported summary."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TypeGuard

import pytest
from edgemed_models.base import Model
from edgemed_models.fake import ScriptedModel
from edgemed_tui import machine
from edgemed_tui.app import EdgemedApp
from edgemed_tui.literal import Words
from edgemed_tui.messages import NotePasted
from edgemed_tui.screens.compare import CompareScreen
from edgemed_tui.screens.dialogs import AskReason, AskSignature, AskUnsaved
from edgemed_tui.screens.inspect import InspectScreen
from edgemed_tui.screens.merge import MergeScreen
from edgemed_tui.screens.models import ModelsScreen
from edgemed_tui.screens.picker import Choice, Picker
from edgemed_tui.screens.report import ReportScreen
from edgemed_tui.screens.session import SessionScreen
from edgemed_tui.screens.sweep import SweepScreen
from edgemed_tui.services import ModelChoice
from edgemed_tui.widgets.draft_pane import DraftPane
from edgemed_tui.widgets.findings_list import NOTHING_FOUND
from edgemed_tui.widgets.keys_line import KeysLine, Shown, arranged
from edgemed_tui.widgets.review_pane import ReviewPane
from edgemed_tui.widgets.status import Notice, StatusLine
from edgemed_tui.widgets.text_pane import Mark, TextPane
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input, OptionList

from edgemed.clinic import session as steps
from edgemed.clinic import sessions
from edgemed.clinic.checks.review import review as real_review
from edgemed.clinic.document import Origin
from edgemed.clinic.findings import Claim, Flag, Omission, Review, Span
from edgemed.clinic.vital.shown import NO_DIFFERENCE
from edgemed.errors import EdgemedError
from edgemed.local_models.process_memory import resident_bytes
from edgemed.logs import audit
from tests.tui.driving import case_of, drafted, panes_of, press, started, until
from tests.tui.scripted import DRAFT, NOTE, app, pieces, review, services


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


async def test_n_goes_to_the_next_finding_in_both_texts(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n")
        panes = panes_of(pilot)
        finding = panes.findings.current
        assert isinstance(finding, steps.Flag)
        assert panes.draft.cursor_offset_in_text == finding.draft.start
        assert panes.source.evidence == finding.source


async def test_a_dismissal_asks_for_a_reason_and_is_logged(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n")
        finding = panes_of(pilot).findings.current
        assert finding is not None
        await press(pilot, "d")
        assert isinstance(pilot.app.screen, AskReason)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, AskReason)  # no reason is chosen for one
        assert not case_of(pilot).session.dismissals
        await press(pilot, "down", "down", "enter")
        entry = steps.dismissal_of(case_of(pilot).session, finding)
        assert entry is not None
        assert entry.reason == steps.REASONS[1]
        rows = [str(row.prompt) for row in panes_of(pilot).findings.options]
        assert ["dismissed" in row for row in rows] == [False, False, False, True, False]
        await press(pilot, "d")
        assert steps.dismissal_of(case_of(pilot).session, finding) is None
    assert [row.what for row in audit.read(place(tmp_path))] == ["draft", "dismiss", "restore"]


async def test_after_a_dismissal_the_next_finding_stands_at_its_place(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        found, first_to_last = panes_of(pilot).findings, panes_of(pilot).findings.findings
        await press(pilot, "n", "d", "down", "enter")
        await press(pilot, "n")  # with the draft in hand, n shows the next: none is passed over
        assert found.current == first_to_last[1]
        found.focus()
        await press(pilot, "d", "down", "enter")
        assert found.current == first_to_last[2] and found.highlighted == 0
        await press(pilot, "n")  # in the list it was seen already
        assert found.current == first_to_last[3]
        assert len(case_of(pilot).session.dismissals) == 2


async def test_what_n_has_gone_to_is_what_d_asks_about(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        omission = next(
            f for f in panes_of(pilot).findings.findings if isinstance(f, steps.Omission)
        )
        panes_of(pilot).draft.focus()
        while panes_of(pilot).findings.current != omission:
            await press(pilot, "n")  # over flags: the cursor of the draft stays on the last
        await press(pilot, "d", "down", "enter")
        (entry,) = case_of(pilot).session.dismissals
        assert entry.key == steps.key_of(case_of(pilot).session, omission)


async def test_a_long_list_keeps_its_place_when_one_is_dismissed(tmp_path: Path) -> None:
    made = app(folder=tmp_path, review=lambda source, draft: many_flags(draft))
    async with started(made) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        found = panes_of(pilot).findings
        found.focus()
        await press(pilot, *["down"] * 15)
        top, order = found.scroll_offset.y, list(found.findings)
        assert top > 0
        for _ in range(3):
            assert found.current is not None
            after = order[order.index(found.current) + 1]
            await press(pilot, "d", "down", "enter")
            assert found.current == after
            assert abs(found.scroll_offset.y - top) <= 3  # the next may be in the next group


def many_flags(draft: str) -> Review:
    """Three flags of each of eight kinds."""
    flags = tuple(
        Flag(f"kind {n % 8}", "contradicted", "major", f"{n}", Span(n, n + 1)) for n in range(24)
    )
    return Review((Claim(Span(0, len(draft)), "contradicted", (), flags),), ())


async def test_other_as_a_reason_needs_words(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n", "d", "end", "enter")
        assert isinstance(pilot.app.screen, AskReason)
        await press(pilot, *"seen", "enter")
        assert case_of(pilot).session.dismissals[0].words == "seen"


async def test_own_words_alone_are_a_reason(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n", "d", "tab", "enter")
        assert isinstance(pilot.app.screen, AskReason)
        await press(pilot, *"told so", "enter")
        (entry,) = case_of(pilot).session.dismissals
        assert (entry.reason, entry.words) == ("other", "told so")


async def test_letters_over_the_reasons_are_own_words_and_never_the_first_reason(
    tmp_path: Path,
) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n", "d", *"told so", "enter")
        (entry,) = case_of(pilot).session.dismissals
        assert (entry.reason, entry.words) == ("other", "told so")


async def test_an_omission_is_taken_over_as_a_line_to_edit(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        panes = panes_of(pilot)
        omission = next(f for f in panes.findings.findings if isinstance(f, steps.Omission))
        panes.findings.focus()
        panes.findings.choose(omission)
        await press(pilot, "i")
        last = panes.draft.text.splitlines()[-1]
        assert last == steps.insertion(case_of(pilot).session, omission)
        await until(pilot, "reviewed")
        await press(pilot, "s")
        assert "marked for editing" in status_of(pilot)
        panes.draft.focus()
        await press(pilot, "e", "ctrl+z", "escape")
        assert panes.draft.text == DRAFT


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


async def test_findings_of_a_kind_are_folded_and_a_step_goes_into_them(tmp_path: Path) -> None:
    def many(source: str, draft: str) -> Review:
        left = tuple(Omission("medication", "minor", f"drug {n}", Span(n, n + 3)) for n in range(8))
        return replace(review(source, draft), omissions=left)

    made = app(folder=tmp_path, review=many)
    async with started(made) as pilot:
        await press(pilot, "1", "ctrl+g")
        await until(pilot, "reviewed")
        findings = panes_of(pilot).findings
        rows = [str(row.prompt) for row in findings.options]
        assert len(rows) == 5 and "▸ Medication left out: 8" in rows[-2]
        assert "Look at findings 1, 2, 3 first" in str(panes_of(pilot).verdict.content)
        assert "2 major, 9 minor (8 left out)" in str(findings.border_title)
        findings.focus()
        await press(pilot, "end", "up", "enter")
        assert findings.option_count == 13 and findings.current is None
        await press(pilot, "enter")
        assert findings.option_count == 5
        await press(pilot, "n", "n")
        assert findings.option_count == 13
        assert isinstance(findings.current, Omission) and findings.current.reason == "drug 1"


async def test_the_vital_check_is_last_and_shows_its_place_in_the_note(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        panes = panes_of(pilot)
        rows = [str(row.prompt) for row in panes.findings.options]
        assert rows[-1].split(maxsplit=2)[2] == "allergy, not in the draft: penicillin"
        panes.findings.focus()
        await press(pilot, "end")
        assert panes.findings.current is None and panes.findings.vital is not None
        shown = [steps.quoted(panes.source.text, span) for span in panes.source.evidence]
        assert shown == ["Allergies: penicillin (rash)."]
        await press(pilot, "n")
        assert panes.findings.current == panes.findings.findings[0]


async def test_a_draft_without_findings_still_has_the_vital_check(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path, review=lambda source, draft: Review((), ()))) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        findings = panes_of(pilot).findings
        said = [str(row.prompt) for row in findings.options]
        assert said == [NOTHING_FOUND, f"Vital check: {NO_DIFFERENCE}"]
        assert "none" in str(findings.border_title) and findings.current is None


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


async def test_a_model_that_could_not_be_loaded_is_tried_again_for_a_draft(tmp_path: Path) -> None:
    base, tries = services(ScriptedModel(pieces(DRAFT)), folder=tmp_path), 0

    def open_model(choice: ModelChoice) -> Model:
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

    def open_model(choice: ModelChoice) -> Model:
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


def place(folder: Path) -> audit.LogFiles:
    return audit.LogFiles(folder / "audit.sqlite", folder / "audit.key", folder / "audit.seal")


def status_of(pilot: object) -> str:
    screen = pilot.app.screen  # type: ignore[attr-defined]
    return f"{screen.query_one(Notice).content} {screen.query_one(StatusLine).content}"


async def test_two_sessions_of_one_second_are_saved_apart(tmp_path: Path) -> None:
    for _ in range(2):
        async with drafted(tmp_path) as pilot:
            await press(pilot, "ctrl+s", *"four words", "enter", *"four words", "enter")
            case_of(pilot).case.save()
    assert len(list((tmp_path / "sessions").iterdir())) == 2


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


async def test_unsaved_work_can_be_saved_where_it_is_asked_for(tmp_path: Path) -> None:
    words = "eight letters"
    async with drafted(tmp_path) as pilot:
        await press(pilot, "ctrl+n")
        assert isinstance(pilot.app.screen, AskUnsaved)
        await press(pilot, "down", "enter", *words, "enter", *words, "enter", "escape")
        await until(pilot, "reviewed")
    (path,) = sessions.saved_in(tmp_path / "sessions")
    assert sessions.load(path, words)[0].text == DRAFT


async def test_a_search_finds_titles_before_descriptions() -> None:
    choices = [Choice("SOAP note", "for one visit", 1), Choice("Visit dialogue", "talk", 2)]
    async with started(app()) as pilot:
        chosen: list[int | None] = []
        await pilot.app.push_screen(Picker("Template", choices), chosen.append)
        await press(pilot, *"visit", "enter")
        assert chosen == [2]


async def test_a_new_draft_stands_without_the_marks_of_the_last(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n")
        assert panes_of(pilot).source.evidence
        await press(pilot, "ctrl+g", "end", "enter")
        assert not panes_of(pilot).source.evidence
        await until(pilot, "reviewed")


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
