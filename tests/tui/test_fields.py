"""Templates with a field, and drafts that cannot be used: on the screen and in the line mode."""

from dataclasses import replace
from pathlib import Path

from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain.line import LineMode

from edgemed.clinic.findings import Review
from tests.tui import scripted
from tests.tui.driving import case_of, panes_of, press, started, until
from tests.tui.scripted import DRAFT, NOTE, app, pieces, services

UNUSABLE = "Not usable: repeats itself; another model is needed"


def repeating(source: str, draft: str) -> Review:
    """The scripted review of a draft that repeats itself."""
    return replace(scripted.review(source, draft), unusable=("repeats itself",))


def said_by(folder: Path, model: ScriptedModel, *typed: str) -> str:
    """All that the line mode says to `typed`."""
    said: list[str] = []
    answers = iter(typed)
    place = replace(services(model, folder=folder), review=repeating)
    line = LineMode(place, said.append, lambda prompt: next(answers), lambda prompt: "a b c d")
    while (now := next(answers, None)) is not None:
        plain.answer(line, now)
    line.close()
    return "\n".join(said)


async def test_the_screen_asks_what_to_put_into_the_field(tmp_path: Path) -> None:
    model = ScriptedModel(pieces(DRAFT))
    async with started(app(model, folder=tmp_path)) as pilot:
        await press(pilot, "ctrl+t", *"section", "enter", *"allerg", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        assert 'the section "Allergies"' in model.requests[-1].messages[-1].content
        origin = case_of(pilot).session.origin
        assert origin is not None and ("field section", "Allergies") in origin.settings


async def test_a_draft_that_cannot_be_used_says_so_over_itself(tmp_path: Path) -> None:
    async with started(app(folder=tmp_path, review=repeating)) as pilot:
        await press(pilot, "ctrl+t", "enter", "ctrl+g")
        await until(pilot, "reviewed")
        assert UNUSABLE in str(panes_of(pilot).verdict.content)


def test_the_line_mode_fills_a_field_and_says_what_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text(NOTE, encoding="utf-8")
    model = ScriptedModel(pieces(DRAFT))
    note = f"note {tmp_path / 'note.txt'}"
    said = said_by(tmp_path, model, note, "template visit-section section=Past history", "draft")
    assert "Template: visit-section, section: Past history." in said
    assert 'the section "Past history"' in model.requests[-1].messages[-1].content
    assert said.count(UNUSABLE) == 1  # above the findings and the draft
    assert said.index(UNUSABLE) < said.index("Findings: ") < said.index("1: Reason for")
