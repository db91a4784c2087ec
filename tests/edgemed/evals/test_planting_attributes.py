"""Planted errors are sentences that somebody could write."""

import random

from edgemed.evals.planting_attributes import to_the_patient

NOTE = (
    "Mother: breast cancer.\nFather with gout. Denies family history of cancer. "
    "There is a family history of asthma. Twin sister: absence of gout. "
    "Patient reports his father has gout. Cancer in her mother. His mother had a stroke."
)


def test_a_denied_illness_of_the_family_is_not_given_to_the_patient() -> None:
    drafts = [
        NOTE[: e.start] + e.text + NOTE[e.end :] for e in to_the_patient(NOTE, random.Random(1))
    ]
    given = {draft for text in drafts for draft in text.split(". ") if draft not in NOTE}
    assert given == {
        "Patient has breast cancer.\nFather with gout",
        "Mother: breast cancer.\nPatient has gout",
        "The patient has a history of asthma",
        "Cancer in the patient",
        "The patient had a stroke.",
    }
