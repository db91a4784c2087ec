"""Sentences, items, headings and turns come with true offsets."""

from hypothesis import given
from hypothesis import strategies as st

from edgemed.clinic.sentences import split


def texts(text: str) -> list[str]:
    return [s.text for s in split(text)]


def test_abbreviations_and_decimals_end_no_sentence() -> None:
    text = "Seen by Dr. Hale. K 5.9 today. Takes 5 mg p.o. b.i.d. with food."
    assert texts(text) == [
        "Seen by Dr. Hale.",
        "K 5.9 today.",
        "Takes 5 mg p.o. b.i.d. with food.",
    ]


def test_headings_and_bullets_are_told_apart() -> None:
    found = split("PLAN\n\n• Neck: JVD 8 cm.\n• Heart: 3/6 murmur.\n")
    assert [(s.kind, s.section) for s in found] == [
        ("heading", "PLAN"),
        ("item", "PLAN"),
        ("item", "PLAN"),
    ]


def test_a_wrapped_line_goes_on() -> None:
    assert len(split("He was seen for cough\nand fever since Monday.\nNo rash.")) == 2


def test_a_line_that_could_have_held_the_next_word_ends() -> None:
    note = (
        "No chest pain today, mild ankle swelling at the end of the day, not short of breath\n"
        "Imp: probable venous insufficiency\n"
        "Plan: stockings, and a scan of the veins if the swelling has not gone in four weeks\n"
    )
    assert texts(note) == note.splitlines()


def test_lines_that_all_begin_small_are_items() -> None:
    text = "reports palpitations\ndenies fever\ntakes aspirin 81 mg daily\n"
    assert [s.text for s in split(text)] == text.splitlines()


def test_turns_know_their_speaker() -> None:
    found = split("Doctor: Any fever? Any cough?\nPatient: No.\n")
    assert [(s.text, s.role) for s in found] == [
        ("Any fever?", "clinician"),
        ("Any cough?", "clinician"),
        ("No.", "patient"),
    ]


def test_a_label_in_a_note_is_no_speaker() -> None:
    assert {s.role for s in split("Neck: supple.\nHeart: regular.\n")} == {""}


@given(st.text(alphabet="aB .!?\n-•1:[]", max_size=120))
def test_sentences_are_slices_in_order(text: str) -> None:
    at = 0
    for sentence in split(text):
        start, end = sentence.span
        assert at <= start < end
        assert text[start:end] == sentence.text
        at = end
