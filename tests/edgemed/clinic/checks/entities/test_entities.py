"""Organisms, and conclusions in words that a note has nowhere."""

from pathlib import Path

import pytest

from edgemed.clinic.findings import Flag
from edgemed.clinic.lists import names_of
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review


def flags(source: str, draft: str) -> list[Flag]:
    return [flag for claim in review(source, draft).claims for flag in claim.flags]


def test_another_organism_is_flagged_and_the_same_one_by_another_name_is_not() -> None:
    source = "Urine culture grew E. coli, sensitive to nitrofurantoin."
    (flag,) = flags(source, "Urine culture grew Proteus mirabilis.")
    assert (flag.check, flag.label) == ("entity", "not found")
    assert "proteus mirabilis" in flag.reason
    assert flags(source, "Urine culture grew Escherichia coli.") == []


def test_a_site_adds_names_to_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "organisms.txt").write_text("bacillus sitensis = the ward's own\n", "utf-8")
    monkeypatch.setenv("EDGEMED_LISTS", str(tmp_path))
    names = names_of.__wrapped__("organisms.txt")
    assert names["bacillus sitensis"] == ("bacillus sitensis", "the ward's own")
    assert "escherichia coli" in names


NOTE = (
    "A 64-year-old woman has had a tremor of the right hand at rest for a year. Her gait is slow. "
    "She is treated with levodopa. Physiotherapy was ordered."
)


@pytest.mark.parametrize(
    ("draft", "new"),
    [
        ("Suspected of corticobasal degeneration.", "corticobasal"),
        ("Thalamotomy was performed.", "thalamotomy"),
        ("The patient was diagnosed with Turcot syndrome.", "turcot"),
    ],
)
def test_a_conclusion_in_words_that_a_note_has_nowhere_is_flagged(draft: str, new: str) -> None:
    (flag,) = flags(NOTE, draft)
    assert flag.label == "not found"
    assert new in flag.reason.lower()


def test_a_conclusion_in_the_words_of_the_note_or_of_its_frame_is_not() -> None:
    for draft in (
        "She is treated with levodopa.",
        "Physiotherapy was ordered.",
        "The patient agreed with the recommended treatment plan.",
    ):
        assert flags(NOTE, draft) == []


def test_a_conversation_is_not_asked_for_the_words_of_a_conclusion() -> None:
    talk = "Doctor: We will look into your bowel with a camera.\nPatient: A colonoscopy? Okay."
    (said,) = read("An endoscopic inspection was scheduled.")
    assert "conclusion" not in {f.check for f in flags(talk, said.sentence.text)}


def test_what_is_measured_is_called_no_procedure() -> None:
    (flag,) = [f for f in flags(NOTE, "Ejection fraction was measured.") if f.check == "entity"]
    assert flag.reason == "measurement ejection fraction is not in the note"
