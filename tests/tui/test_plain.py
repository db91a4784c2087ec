"""The line mode: the same way from note to signature, one question at a time."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from edgemed_models.fake import ScriptedModel
from edgemed_tui import plain
from edgemed_tui.plain.line import Line

from edgemed.clinic import session as steps
from edgemed.logs import audit, sessions
from tests.tui.scripted import DRAFT, NOTE, desk, pieces


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text(NOTE, encoding="utf-8")
    return path


def talk(folder: Path, typed: Sequence[str], **how: object) -> tuple[Line, str]:
    """The line mode answering `typed`, and all it said."""
    said: list[str] = []
    answers: Iterator[str] = iter(typed)
    model = ScriptedModel(pieces(DRAFT))
    line = Line(
        desk(model, folder=folder, **how),  # type: ignore[arg-type]
        said.append,
        lambda prompt: next(answers),
        lambda prompt: "four words of mine",
    )
    while (typed_now := next(answers, None)) is not None:
        if not plain.answer(line, typed_now):
            break
    line.close()
    return line, "\n".join(said)


def test_from_a_note_to_an_exported_signature(tmp_path: Path, note: Path) -> None:
    out = tmp_path / "out.json"
    begin = [f"note {note}", "template soap", "draft", "next", "dismiss", "2", "seen"]
    line, said = talk(tmp_path, [*begin, "sign", "checked again", "Dr A", f"export {out}", "quit"])
    assert json.loads(out.read_text(encoding="utf-8"))["text"] == DRAFT
    assert "Finding 1, major, laterality: right, the note has left." in said
    assert "The note says: left" in said
    assert line.session.dismissals[0].words == "seen"
    place = audit.Place(tmp_path / "audit.sqlite", tmp_path / "audit.key", tmp_path / "audit.seal")
    assert [row.what for row in audit.read(place)] == ["draft", "dismiss", "sign", "export"]
    assert audit.verify(place).faults == ()


def test_lines_are_edited_and_checked_again(tmp_path: Path, note: Path) -> None:
    typed = [f"note {note}", "template soap", "draft", "edit 8 - Furosemide 40 mg", "findings"]
    line, said = talk(tmp_path, typed)
    assert "- Furosemide 40 mg\n" in line.session.text
    assert "dose" not in said.split("Findings:")[-1]


def test_what_was_left_out_is_inserted_and_stands_against_signing(
    tmp_path: Path, note: Path
) -> None:
    typed = [f"note {note}", "template soap", "draft", "insert 4", "sign"]
    line, said = talk(tmp_path, typed)
    assert line.session.text.endswith("[edit] Allergies: penicillin (rash).\n")
    assert "Not done: 1 inserted line is still marked for editing." in said


def test_evidence_of_a_line_is_read_out(tmp_path: Path, note: Path) -> None:
    _, said = talk(tmp_path, [f"note {note}", "template soap", "draft", "evidence 2"])
    assert "the note: Three days of worsening breathlessness" in said


def test_a_saved_session_opens_again(tmp_path: Path, note: Path) -> None:
    talk(tmp_path, [f"note {note}", "template soap", "draft", "save"])
    (saved,) = (tmp_path / "sessions").glob(f"*{sessions.ENDING}")
    line, _ = talk(tmp_path, [f"open {saved.stem}"])
    assert line.session.text == DRAFT


def test_unsaved_work_is_not_lost_without_a_yes(tmp_path: Path, note: Path) -> None:
    typed = [f"note {note}", "template soap", "draft", "quit", "no", "read"]
    _, said = talk(tmp_path, typed)
    assert said.count("1: Reason for admission") == 2


def test_a_demonstration_draft_is_said_to_be_one_and_is_not_signed(
    tmp_path: Path, note: Path
) -> None:
    typed = [f"note {note}", "template soap", "draft", "sign"]
    _, said = talk(tmp_path, typed, demonstration=True)
    assert f"{steps.DEMONSTRATION}.\n1: " in said
    assert "has not learned this template" in said
    assert "Not done: a demonstration draft cannot be signed." in said


def test_a_note_is_pasted_until_a_full_stop(tmp_path: Path) -> None:
    line, _ = talk(tmp_path, ["paste", "Na 128 [L]", "[ ] fever [x] cough", "."])
    assert line.session.source == "Na 128 [L]\n[ ] fever [x] cough\n"


@pytest.mark.parametrize("typed", ["nonsense", "draft", "sign", "next", "evidence 9", "model 7"])
def test_what_cannot_be_done_is_said_and_nothing_ends(tmp_path: Path, typed: str) -> None:
    _, said = talk(tmp_path, [typed, "help"])
    assert "Not done" in said or "no command" in said
    assert "quit: end." in said


def test_control_characters_are_not_sent_to_the_terminal(tmp_path: Path) -> None:
    _, said = talk(tmp_path, ["paste", "a\x1b[2Jb five words stand here", ".", "source 1-1"])
    assert "\x1b" not in said
    assert "[2Jb five words" in said


def test_two_notes_saved_in_one_second_stay_apart_and_one_saved_again_replaces_itself(
    tmp_path: Path, note: Path
) -> None:
    other = tmp_path / "other.txt"
    other.write_text(NOTE.replace("71-year-old", "48-year-old"), encoding="utf-8")
    first = [f"note {note}", "template soap", "draft", "save", "save"]
    talk(tmp_path, [*first, f"note {other}", "draft", "save"])
    saved = sorted((tmp_path / "sessions").glob(f"*{sessions.ENDING}"))
    assert len(saved) == 2
    sources = {sessions.load(path, "four words of mine")[0].source for path in saved}
    assert sources == {NOTE, other.read_text(encoding="utf-8")}
