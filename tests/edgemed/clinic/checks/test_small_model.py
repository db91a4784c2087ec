"""What a real small model got wrong on invented notes, and was called supported."""

import pytest

from edgemed.clinic.reviewing.review import review

DISCHARGE = (
    "Admitted 3 March with right lower lobe pneumonia, 64-year-old woman with COPD. Treated with "
    "ceftriaxone 2 g IV daily for 3 days, then amoxicillin 1 g by mouth three times daily until 12 "
    "March. Metformin 500 mg twice daily continued, lisinopril stopped for cough, losartan 50 mg "
    "daily begun. Follow-up chest X-ray in 6 weeks."
)
LETTER = (
    "Referral for a 45-year-old teacher with 4 months of hoarseness. Never smoked. Reflux treated "
    "with omeprazole 20 mg daily without change."
)
TALK = """Doctor: What brings you in?
Patient: My right knee has been hurting for about three weeks.
Doctor: What have you taken for it?
Patient: Ibuprofen 400 milligrams, twice a day with food.
Doctor: Keep on with ibuprofen for one more week. Come back in two weeks.
"""


@pytest.mark.parametrize(
    ("note", "draft"),
    [
        (DISCHARGE, "She was treated with metformin 500 mg twice daily for 3 days."),
        (DISCHARGE, "She has been on losartan 50 mg daily for 3 days."),
        (DISCHARGE, "She has had COPD for 6 weeks."),
        (TALK, "He has been taking ibuprofen for 2 weeks."),
        (TALK, "He has taken ibuprofen 400 mg twice a day for two weeks."),
    ],
)
def test_how_long_is_said_of_the_same_thing(note: str, draft: str) -> None:
    (claim,) = review(note, draft).claims
    assert claim.label == "partly supported"
    assert any("weeks" in gap or "days" in gap for gap in claim.missing)


@pytest.mark.parametrize(
    ("note", "draft"),
    [
        (DISCHARGE, "Ceftriaxone 2 g IV daily for 3 days."),
        (TALK, "The right knee has been hurting for about three weeks."),
    ],
)
def test_how_long_is_found_where_it_is_said(note: str, draft: str) -> None:
    (claim,) = review(note, draft).claims
    assert not any("weeks" in gap or "days" in gap for gap in claim.missing)
    assert claim.label == "supported"


def test_an_age_is_no_duration() -> None:
    found = review(LETTER, "A 4-month-old teacher with hoarseness.")
    assert {c.label for c in found.claims} & {"contradicted", "not found"}
    assert review(LETTER, "A 45-year-old teacher with hoarseness.").claims[0].flags == ()


@pytest.mark.parametrize("dose", ["1 g", "2 g", "500 mg"])
def test_a_drug_without_a_dose_has_none_of_another_drug(dose: str) -> None:
    (claim,) = review(DISCHARGE, f"Lisinopril {dose} daily.").claims
    assert ("dose", "major") in {(flag.check, flag.severity) for flag in claim.flags}
