"""A long note in parts: every character has its part, every part fits, the plan is stated."""

import pytest
from edgemed_models.base import Done, Failed, Piece
from edgemed_models.fake import ScriptedModel
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemed.clinic.note import parse
from edgemed.clinic.summarizing.parts import divide, divided, pieces_of, stated, summarize_parts
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import Refused
from tests.edgemed.commands import Run

TEMPLATE = load_template("soap")
NOTE = parse(
    "CHIEF COMPLAINT:\nChest pain.\n\n"
    + "HPI:\n"
    + "Pain in the chest since Monday. " * 30
    + "\n\nMEDICATIONS:\n"
    + "- aspirin 81 mg daily\n" * 20
    + "\nPLAN:\nRest. Return if worse.\n"
)
MODEL_ROOM = 260  # words of context beside the draft: a few sentences past the rules and the task


def model(pieces: list[str] | None = None, fail_after: int | None = None) -> ScriptedModel:
    return ScriptedModel(pieces or ["seen."], context=MODEL_ROOM + 50, fail_after=fail_after)


def test_parts_cover_the_note_without_gap_or_overlap_and_each_fits() -> None:
    parts = divided(model(), NOTE, TEMPLATE, 50)
    assert len(parts) > 1
    assert "".join(NOTE.at(p.span) for p in parts) == NOTE.text
    assert all(p.tokens + 50 <= MODEL_ROOM + 50 for p in parts)


def test_drafts_are_held_to_the_smaller_length_where_no_part_has_room_for_the_larger() -> None:
    room = MODEL_ROOM + 50
    assert divide(model(), NOTE, TEMPLATE, range(25, 51)) == (
        50,
        divided(model(), NOTE, TEMPLATE, 50),
    )
    limit, parts = divide(model(), NOTE, TEMPLATE, range(50, room))
    assert limit == 50 and parts == divided(model(), NOTE, TEMPLATE, 50)


def test_a_heading_stays_with_the_text_it_heads() -> None:
    pieces = [NOTE.at(span) for span in pieces_of(NOTE)]
    assert any(p.startswith("HPI:") and "Pain in the chest" in p for p in pieces)


def test_the_plan_states_every_part_with_its_characters_tokens_and_headings() -> None:
    parts = divided(model(), NOTE, TEMPLATE, 50)
    lines = stated(parts, 50)
    assert len(lines) == len(parts) + 1
    assert "characters 0 to" in lines[1] and "CHIEF COMPLAINT" in lines[1]
    assert f"to {len(NOTE.text)}," in lines[-1]


def test_each_part_is_asked_for_once_and_drafts_stand_under_headings() -> None:
    scripted = model()
    parts = divided(scripted, NOTE, TEMPLATE, 50)
    events = list(summarize_parts(scripted, NOTE, TEMPLATE, parts, max_tokens=50))
    text = "".join(e.text for e in events if isinstance(e, Piece))
    assert [r.messages[-1].content.count("===== NOTE BEGINS") for r in scripted.requests] == [
        1
    ] * len(parts)
    assert all(f"PART {i + 1} OF {len(parts)}" in text for i in range(len(parts)))
    end = events[-1]
    assert isinstance(end, Done) and end.reason == "stop"
    assert end.timings.answer_tokens == len(parts)


def test_one_cut_part_makes_the_whole_incomplete() -> None:
    scripted = model(["a", "b", "c"])
    parts = divided(scripted, NOTE, TEMPLATE, 50)
    *_, end = summarize_parts(scripted, NOTE, TEMPLATE, parts, max_tokens=2)
    assert isinstance(end, Done) and end.reason == "length"


def test_a_failure_ends_the_stream_and_asks_for_no_further_part() -> None:
    scripted = model(["a", "b"], fail_after=1)
    parts = divided(scripted, NOTE, TEMPLATE, 50)
    *_, end = summarize_parts(scripted, NOTE, TEMPLATE, parts, max_tokens=50)
    assert isinstance(end, Failed) and len(scripted.requests) == 1


def test_one_sentence_that_does_not_fit_is_refused_by_its_place() -> None:
    note = parse("Short start here. " + "word " * 400)
    with pytest.raises(Refused, match="characters 18 to"):
        divided(model(), note, TEMPLATE, 50)


@settings(max_examples=60)
@given(st.text(alphabet="aB. \n:-\r�ä", max_size=200))
def test_pieces_of_any_text_join_to_the_text(text: str) -> None:
    note = parse(text)
    assert "".join(note.at(span) for span in pieces_of(note)) == note.text


def test_a_whole_command_states_its_plan_and_drafts_every_part(run: Run) -> None:
    note = "HPI: " + "Pain in the chest since Monday. " * 60 + "\nPLAN: Rest and return.\n"
    arguments = ["summarize", "-", "--template", "radiology-impression", "--max-tokens", "40"]
    arguments += ["--context", "1024"]
    assert run(arguments, input=note.encode()).returncode == 3
    done = run([*arguments, "--in-parts"], input=note.encode())
    count = int(done.stderr.split("drafted in ")[1].split()[0])
    assert count > 1 and f"PART {count} OF {count}" in done.stdout
