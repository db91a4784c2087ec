"""A review covers every sentence of the draft and points into the source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.clinic.reviewing.review import review

SOURCE = "Brian is 58. He takes lisinopril 20 mg daily.\n\nNo fever.\n"


def test_a_claim_points_at_the_sentence_it_came_from() -> None:
    found = review(SOURCE, "He is on lisinopril.")
    (span, *_) = found.claims[0].evidence
    assert SOURCE[span.start : span.end] == "He takes lisinopril 20 mg daily."


@pytest.mark.parametrize(
    ("source", "draft"),
    [
        (
            "Der Patient klagt über Schmerzen und ist nicht bei Bewusstsein.",
            "He is awake.\nNo pain.",
        ),
        (SOURCE, "Der Patient ist nicht bei Bewusstsein.\nEr hat keine Schmerzen und kein Fieber."),
    ],
)
def test_what_is_not_english_is_not_checked_and_says_so(source: str, draft: str) -> None:
    found = review(source, draft)
    assert [claim.label for claim in found.claims] == ["not checked"] * 2
    (flag,) = (flag for claim in found.claims for flag in claim.flags)
    assert (flag.check, flag.severity) == (
        "language",
        "major",
    ) and "only know English" in flag.reason
    assert not found.omissions


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_are_reviewed_with_spans_inside_them(source: str, draft: str) -> None:
    found = review(source, draft)
    for claim in found.claims:
        assert 0 <= claim.draft.start < claim.draft.end <= len(draft)
        for span in claim.evidence:
            assert 0 <= span.start < span.end <= len(source)
