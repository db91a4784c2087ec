"""Forms that are misread, and names that nobody said."""

import pytest

from edgemed.clinic.findings import Flag
from edgemed.clinic.reviewing.review import review


def flags(source: str, draft: str) -> list[Flag]:
    return [flag for claim in review(source, draft).claims for flag in claim.flags]


@pytest.mark.parametrize(
    "text",
    [
        "Insulin 10 U at night.",
        "Heparin 5000 IU given.",
        "Warfarin 5 mg QD.",
        "Warfarin 5 mg q.o.d. with food.",
        "Warfarin 5.0 mg at night.",
        "Digoxin .125 mg at night.",
        "MSO4 2 mg given.",
    ],
)
def test_forms_that_are_misread_are_flagged_even_if_the_source_has_them(text: str) -> None:
    (flag,) = flags(text, text)
    assert (flag.check, flag.label, flag.severity) == ("form", "not checked", "minor")


@pytest.mark.parametrize("text", ["Potassium 4.0 mmol/L.", "Lipase 30 U/L.", "Digoxin 0.125 mg."])
def test_laboratory_values_and_plain_doses_are_not(text: str) -> None:
    assert flags(text, text) == []


def test_a_clinician_nobody_named_is_flagged() -> None:
    source = "Seen by Dr. Hale for cough."
    assert [f.check for f in flags(source, "Seen by Dr. Hill for cough.")] == ["name"]
    assert flags(source, "Seen by Dr. Hale for cough.") == []


def test_a_word_changed_in_a_copied_sentence_is_flagged_and_a_short_paraphrase_is_not() -> None:
    source = "The wound on the heel was dressed with sterile gauze and paraffin on the ward."
    draft = "The wound on the heel was dressed with sterile gauze and mustard on the ward."
    (flag,) = [f for f in flags(source, draft) if f.check == "wording"]
    assert "mustard" in flag.reason
    assert flags("Surgery on 07/29/2008.", "Surgery on July 29, 2008.") == []


@pytest.mark.parametrize(
    ("draft", "flagged"),
    [
        ("Maria Keller is a 40-year-old woman.", True),
        ("Mrs. Keller has a cough.", True),
        ("She came with her sister Anna.", True),
        ("She lives in Denver.", True),
        ("She was seen at Mercy Hospital.", True),
        ("Marta Hale is a 40-year-old woman.", False),
        ("She lives in Boston with her brother Jon.", False),
        ("Seen at Saint Mary Hospital on Monday.", False),
        ("Urine Culture was obtained.", False),
    ],
)
def test_names_of_patients_other_people_and_places_must_be_named(draft: str, flagged: bool) -> None:
    source = (
        "Marta, 40, lives in Boston with her brother John and her sister. Dr. Hale saw her for a "
        "cough on Monday at Saint Mary's. A 40-year-old woman."
    )
    assert ("name" in [f.check for f in flags(source, draft)]) == flagged
