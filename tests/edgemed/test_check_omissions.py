"""What a draft leaves out is listed by severity; what it carries in other words is not."""

import pytest

from edgemed.clinic.review import review

SOURCE = (
    "Allergic to penicillin. Takes warfarin 5 mg daily. He is DNR. The urine culture is pending. "
    "Potassium 5.9 [H]. He has a pacemaker and gout. Follow up in 2 weeks."
)


def test_nothing_carried_lists_every_kind_major_first() -> None:
    found = review(SOURCE, "He was seen.").omissions
    kinds = [o.kind for o in found]
    assert {"allergy", "medication", "code status", "pending result", "abnormal result"} <= set(
        kinds
    )
    assert {"device", "diagnosis", "follow-up"} <= set(kinds)
    severities = [o.severity for o in found]
    assert severities == sorted(severities)


def test_a_full_copy_leaves_nothing_out() -> None:
    assert review(SOURCE, SOURCE).omissions == ()


def test_brand_names_and_lay_words_carry_a_fact() -> None:
    found = review("She takes Coumadin and is short of breath.", "Warfarin; dyspnea.").omissions
    assert found == ()


@pytest.mark.parametrize("source", ["He has no gout.", "My mother has gout.", "Possible gout."])
def test_what_is_not_the_patients_own_is_no_fact(source: str) -> None:
    assert review(source, "He was seen.").omissions == ()
