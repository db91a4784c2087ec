"""What a draft leaves out is listed by severity; what it carries in other words is not."""

import pytest

from edgemed.clinic.reviewing.review import review

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


def listed(source: str) -> list[tuple[str, str]]:
    found = review(source, "He was seen.").omissions
    return [(o.kind, o.reason.partition(": ")[2]) for o in found]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("Allergies: penicillin (rash)", [("allergy", "Allergies: penicillin (rash)")]),
        ("Penicillin allergy.", [("allergy", "Penicillin allergy.")]),
        ("ALLERGIES:\nPenicillin - hives", [("allergy", "Penicillin - hives")]),
        (
            "Allergic to penicillin; takes warfarin.",
            [("allergy", "Allergic to penicillin; takes warfarin."), ("medication", "warfarin")],
        ),
    ],
)
def test_an_allergen_is_no_medication(source: str, wanted: list[tuple[str, str]]) -> None:
    assert listed(source) == wanted


def test_an_allergen_that_is_taken_elsewhere_is_a_medication_too() -> None:
    source = "Given amoxicillin in May. Allergic to amoxicillin."
    assert ("medication", "amoxicillin") in listed(source)


def test_a_line_is_listed_once_under_what_weighs_most() -> None:
    source = "Potassium elevated in hyperkalemia, repeat in 1 week."
    assert [kind for kind, _ in listed(source)] == ["abnormal result"]


def test_what_a_long_line_does_not_show_is_listed_by_itself() -> None:
    source = (
        "He is allergic to codeine, as was found out by the nurse on the day he was admitted to "
        "the ward, and he has had a pacemaker for some years."
    )
    kinds = [kind for kind, _ in listed(source)]
    assert kinds == ["allergy", "device"]


def test_a_list_of_allergies_in_the_draft_carries_them() -> None:
    assert review("Allergic to penicillin.", "ALLERGIES:\nPenicillin").omissions == ()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("Discharge note. She was discharged home. Date of discharge: 3/4.", []),
        ("Well at discharge. Discharge medications: none.", []),
        ("Purulent discharge from the wound.", ["discharge"]),
        ("She has discharge from the left ear.", ["discharge"]),
    ],
)
def test_leaving_the_hospital_is_no_finding(source: str, names: list[str]) -> None:
    assert [name for kind, name in listed(source) if kind == "finding"] == names


@pytest.mark.parametrize(
    ("source", "draft"),
    [
        ("The wound is clean, no discharge.", "The wound has purulent discharge."),
        ("She denies discharge.", "She has discharge."),
        ("She has discharge and itching.", "She denies discharge."),
        ("No discharge from the wound.", "There is discharge from the wound."),
    ],
)
def test_a_discharge_that_is_a_finding_is_compared(source: str, draft: str) -> None:
    labels = [claim.label for claim in review(source, draft).claims]
    assert labels == ["contradicted"]
