"""The findings of a draft on the session screen, settled by keys alone."""

from dataclasses import replace
from pathlib import Path

from edgemed_tui.screens.dialogs import AskReason
from edgemed_tui.widgets.findings_list import NOTHING_FOUND

from edgemed.clinic.case import session as steps
from edgemed.clinic.findings import Claim, Flag, Omission, Review, Span
from edgemed.clinic.vital.shown import NO_DIFFERENCE
from edgemed.logs import audit
from tests.tui.driving import case_of, drafted, panes_of, place, press, started, status_of, until
from tests.tui.scripted import DRAFT, app, review


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


async def test_a_new_draft_stands_without_the_marks_of_the_last(tmp_path: Path) -> None:
    async with drafted(tmp_path) as pilot:
        await press(pilot, "n")
        assert panes_of(pilot).source.evidence
        await press(pilot, "ctrl+g", "end", "enter")
        assert not panes_of(pilot).source.evidence
        await until(pilot, "reviewed")
