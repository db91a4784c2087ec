"""A review covers every sentence of the draft and points into the source."""

from hypothesis import given
from hypothesis import strategies as st

from edgemed.clinic.review import review

SOURCE = "Brian is 58. He takes lisinopril 20 mg daily.\n\nNo fever.\n"


def test_a_claim_points_at_the_sentence_it_came_from() -> None:
    found = review(SOURCE, "He is on lisinopril.")
    (span, *_) = found.claims[0].evidence
    assert SOURCE[span.start : span.end] == "He takes lisinopril 20 mg daily."


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_are_reviewed_with_spans_inside_them(source: str, draft: str) -> None:
    found = review(source, draft)
    for claim in found.claims:
        assert 0 <= claim.draft.start < claim.draft.end <= len(draft)
        for span in claim.evidence:
            assert 0 <= span.start < span.end <= len(source)
