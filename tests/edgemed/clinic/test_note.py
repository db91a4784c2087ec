"""A note keeps every character and every place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.clinic.note import lines_of, parse, refuse_unusable
from edgemed.errors import InvalidFile, Refused

LETTER = """CHIEF COMPLAINT:
Chest pain.

HPI: Mr. Jones took 0.5 mg of lorazepam, e.g. at night. Denies fever
and chills.
Medications:
1. Furosemide 40 mg daily
2. Aspirin 81 mg
Allergies: penicillin
"""


def test_a_dash_in_cp1252_stays_between_the_digits() -> None:
    note = parse("take 1–2 tablets twice daily".encode("cp1252"))
    assert note.text == "take 1–2 tablets twice daily"
    assert note.encoding == "cp1252"


def test_a_control_character_is_shown_in_its_place_and_never_deleted() -> None:
    note = parse("take 1\x962 tablets\x07 now\ttwice\r\n")
    assert note.text == "take 1�2 tablets� now\ttwice\r\n"
    assert note.hidden == 2


def test_marks_that_turn_the_reading_direction_are_shown() -> None:
    assert parse("give \u202e05 mg\u202c").text == "give �05 mg�"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_same_note_in_every_encoding_reads_the_same(codec: str) -> None:
    assert parse("naïve 5 µg – 37.5 °C".encode(codec)).text == "naïve 5 µg – 37.5 °C"


def test_an_undefined_byte_is_refused_with_its_offset() -> None:
    with pytest.raises(InvalidFile, match="0x81 at offset 5 "):
        parse(b"abcd\xe9\x81efgh")


def test_half_a_utf16_character_is_refused_with_its_offset() -> None:
    with pytest.raises(InvalidFile, match="offset 4 "):
        parse(b"\xff\xfea\x00b")


@pytest.mark.parametrize("data", [b"%PDF-1.7 x", b"PK\x03\x04zip", b"{\\rtf1 x", b"a\0b\0c\0d\0"])
def test_a_document_that_is_no_plain_text_is_refused_with_the_remedy(data: bytes) -> None:
    with pytest.raises(InvalidFile) as refused:
        parse(data)
    assert refused.value.hint


@pytest.mark.parametrize("text", ["", "  \n\t ", "ok", "see chart ..."])
def test_an_empty_or_tiny_note_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        refuse_unusable(parse(text))


def test_a_short_note_with_content_is_accepted() -> None:
    refuse_unusable(parse("Chest clear. No effusion. Heart normal."))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_sections_are_found_whatever_ends_a_line(end: str) -> None:
    note = parse(LETTER.replace("\n", end))
    assert [s.title for s in note.sections] == [
        "CHIEF COMPLAINT",
        "HPI",
        "Medications",
        "Allergies",
    ]
    assert note.at(note.sections[3].body).strip() == "penicillin"


def test_sentences_are_whole_and_offsets_lead_back_to_the_text() -> None:
    note = parse(LETTER)
    assert [note.at(span) for span in note.sentences] == [
        "Chest pain.",
        "HPI: Mr. Jones took 0.5 mg of lorazepam, e.g. at night.",
        "Denies fever\nand chills.",
        "Furosemide 40 mg daily",
        "Aspirin 81 mg",
        "Allergies: penicillin",
    ]


@given(st.text(max_size=300))
def test_any_text_keeps_its_length_and_its_sections_cover_it(text: str) -> None:
    note = parse(text)
    assert len(note.text) == len(text)
    kept = "".join(note.at(s.heading) + note.at(s.body) for s in note.sections)
    if text.strip():
        missing = len(note.text) - len(kept)
        assert missing == 0 or not note.text[:missing].strip()
    for span in note.sentences:
        assert note.at(span) == note.at(span).strip() != ""
    assert all(a.end <= b.start for a, b in zip(note.sentences, note.sentences[1:], strict=False))


def test_lines_have_no_ends_in_them() -> None:
    text = "a\r\nb\n\rc"
    assert [text[s.start : s.end] for s in lines_of(text)] == ["a", "b", "", "c"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The patient denies chest pain and has no fever.", "English"),
        ("El paciente refiere dolor en el pecho y presenta fiebre.", "other"),
        ("Der Patient ist mit Fieber und ohne Husten, keine Allergien, wurde entlassen", "other"),
        ("Пациент жалуется на боль в груди", "other"),
        ("K 5.9 Na 128 Cr 1.4", "unknown"),
        ("OG tube placed. OG to suction. OG output 40 mL.", "English"),
    ],
)
def test_the_language_is_named_only_on_evidence(text: str, language: str) -> None:
    assert parse(text).language == language
