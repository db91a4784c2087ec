"""A drug is either taken or an allergen: what a draft makes of it is held against the note."""

import pytest

from edgemed.clinic.reviewing.review import review

TALK = """Doctor: What have you taken for the knee?
Patient: Ibuprofen 400 milligrams twice a day.
Doctor: Any allergies?
Patient: {answer}
Doctor: All right. Keep on with the ibuprofen.
"""
NOTE = (
    "72-year-old man with cough. Allergies: penicillin (rash). NKDA otherwise, except that codeine "
    "causes nausea. Medications: lisinopril 10 mg daily, apixaban 5 mg twice daily."
)


def majors(note: str, draft: str) -> list[str]:
    claims = review(note, draft).claims
    return [
        f.reason for c in claims for f in c.flags if (f.check, f.severity) == ("allergy", "major")
    ]


@pytest.mark.parametrize("answer", ["Penicillin. I got a rash from it.", "No, just penicillin."])
@pytest.mark.parametrize(
    "draft",
    [
        "She has been taking penicillin for 2 weeks.",
        "He takes penicillin.",
        "Medications: ibuprofen, penicillin.",
        "Continue penicillin.",
        "Treated with penicillin.",
    ],
)
def test_an_allergen_that_was_asked_for_in_talk_is_not_taken(answer: str, draft: str) -> None:
    assert majors(TALK.format(answer=answer), draft)
    assert all(c.label == "contradicted" for c in review(TALK.format(answer=answer), draft).claims)


@pytest.mark.parametrize("answer", ["Penicillin. I got a rash from it.", "Yes, penicillin."])
@pytest.mark.parametrize(
    "draft", ["He is allergic to penicillin.", "He takes ibuprofen 400 mg twice a day."]
)
def test_what_was_said_in_talk_is_not_flagged(answer: str, draft: str) -> None:
    assert majors(TALK.format(answer=answer), draft) == []


def test_a_drug_that_is_taken_is_no_allergen() -> None:
    talk = TALK.format(answer="Penicillin.")
    assert majors(talk, "He is allergic to ibuprofen.")
    assert majors(NOTE, "Allergies: lisinopril.")


@pytest.mark.parametrize("answer", ["No. I take aspirin for my heart.", "None that I know of."])
def test_an_answer_that_there_are_none_names_no_allergen(answer: str) -> None:
    assert majors(TALK.format(answer=answer), "He takes aspirin and ibuprofen.") == []


@pytest.mark.parametrize(
    "draft",
    [
        "Medications: penicillin, lisinopril 10 mg daily.",
        "He received penicillin.",
        "Takes codeine.",
    ],
)
def test_an_allergen_of_a_note_is_not_taken(draft: str) -> None:
    assert majors(NOTE, draft)


@pytest.mark.parametrize(
    "draft",
    [
        "No penicillin because of rash.",
        "Avoid penicillin.",
        "Lisinopril is continued; he cannot take penicillin.",
        "Penicillin allergy: lisinopril continued.",
        "Penicillin causes a rash.",
        "Takes lisinopril, allergic to penicillin.",
    ],
)
def test_what_keeps_an_allergen_away_is_no_error(draft: str) -> None:
    found = review(NOTE, draft)
    assert [flag.reason for claim in found.claims for flag in claim.flags] == []
