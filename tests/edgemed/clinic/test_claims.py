"""A sentence of several facts is several claims, each with evidence of its own."""

import pytest

from edgemed.clinic.reading.claims import parts
from edgemed.clinic.reading.text import read
from edgemed.clinic.reviewing.review import review


def cut(text: str) -> list[str]:
    (said,) = read(text)
    return [text[span.start : span.end] for span in parts(said)]


@pytest.mark.parametrize(
    "claims",
    [
        ["He has asthma", "and was given albuterol."],
        ["Fever for 3 days;", "cough since Monday."],
        ["No fever", "but she reports chills."],
        ["Takes lisinopril 20 mg daily,", "metformin 500 mg b.i.d."],
    ],
)
def test_a_sentence_is_cut_where_both_parts_carry_facts(claims: list[str]) -> None:
    assert cut(" ".join(claims)) == [claim.rstrip(",;") for claim in claims]


@pytest.mark.parametrize(
    "whole",
    [
        "She denies fever, chills, cough and nausea.",
        "He was seen and was told to wait.",
        "He takes lisinopril and metformin.",
        "Pain in the knee and in the hip.",
    ],
)
def test_what_means_nothing_alone_stays_together(whole: str) -> None:
    assert cut(whole) == [whole]


def test_each_claim_has_its_own_evidence_label_and_flags() -> None:
    source = "He has asthma.\n\nGiven in the ward: albuterol 5 mg once."
    first, second = review(source, "He has asthma and was given albuterol 50 mg.").claims
    assert (first.label, second.label) == ("supported", "contradicted")
    assert not first.flags and second.flags
    assert source[slice(*first.evidence[0])] == "He has asthma."
    assert "albuterol" in source[slice(*second.evidence[0])]


def test_a_flag_never_reaches_beyond_its_claim() -> None:
    draft = "Zebras have stripes and he has asthma; then the river was crossed and he had gout."
    for claim in review("No complaints today.", draft).claims:
        for flag in claim.flags:
            assert claim.draft.start <= flag.draft.start
            assert flag.draft.end <= claim.draft.end
