"""A side is said of one thing, where that thing is said to be so."""

import pytest

from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review


def checks(source: str, draft: str) -> list[str]:
    return [flag.check for claim in review(source, draft).claims for flag in claim.flags]


@pytest.mark.parametrize(
    ("source", "wrong", "right"),
    [
        ("Numbness in the left arm and the right leg.", "Numbness in the left leg.", "Left arm."),
        (
            "Doctor: Any weakness in the left leg?\nPatient: No.\nDoctor: And the right leg?\n"
            "Patient: The weakness is in my right leg.",
            "Weakness of the left leg.",
            "Weakness of the right leg.",
        ),
        (
            "Doctor: Are you left handed?\nPatient: I'm right handed. My left hip hurts.",
            "A left-handed woman.",
            "A right-handed woman.",
        ),
        (
            "A mastoid effusion is present on the left. On the right, a 12 mm infarct is seen.",
            "Left parietal infarct.",
            "Left mastoid effusion. Right infarct.",
        ),
        ("Free air under the right diaphragm.", "Air under the left diaphragm.", "Right side."),
    ],
)
def test_the_other_side_of_the_same_thing_is_flagged(source: str, wrong: str, right: str) -> None:
    assert "laterality" in checks(source, wrong)
    assert "laterality" not in checks(source, right)


@pytest.mark.parametrize(
    "draft",
    [
        "Hip pain, left greater than left.",
        "Strength is 4/5 on the right and 3/5 on the right.",
    ],
)
def test_one_side_on_both_sides_of_a_comparison_is_flagged(draft: str) -> None:
    source = "Hip pain on the left and on the right. Strength 4/5 on the right, 3/5 on the left."
    assert "laterality" in checks(source, draft)
    assert "laterality" not in checks(source, "Hip pain, left greater than right.")


def test_letters_spelled_out_and_what_is_correct_are_no_sides() -> None:
    said = read("The M R I is done. That was the right decision. He left the hospital.")
    assert [side for s in said for side in s.sides] == []
