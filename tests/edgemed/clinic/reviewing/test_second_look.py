"""The model's second look counts only where the source has the words; revisions are bounded."""

import pytest
from edgemed_models.fake import ScriptedModel

from edgemed.clinic.findings import Span
from edgemed.clinic.reading.source import Source
from edgemed.clinic.reviewing.review import review
from edgemed.clinic.reviewing.second_look import ROUNDS, Version, escaped, grammar, quote, revise
from edgemed.errors import EdgemedError

TEXT = 'He takes lisinopril 20 mg daily. No fever. "Tired" since May.'


def test_a_quote_that_stands_in_the_source_gives_its_place() -> None:
    model = ScriptedModel(["He takes lisinopril ", "20 mg daily."])
    span = quote(model, Source(TEXT), "On lisinopril.")
    assert span == Span(0, 32)
    (request,) = model.requests
    assert request.temperature == 0
    assert request.grammar is not None
    assert '"NONE"' in request.grammar


@pytest.mark.parametrize("answer", ["NONE", "He takes lisinopril 40 mg daily.", ""])
def test_none_and_words_that_are_not_in_the_source_give_nothing(answer: str) -> None:
    assert quote(ScriptedModel([answer]), Source(TEXT), "On lisinopril.") is None


def test_a_source_without_sentences_asks_nothing() -> None:
    model = ScriptedModel(["NONE"])
    assert quote(model, Source(""), "On lisinopril.") is None
    assert model.requests == []


def test_a_broken_engine_is_an_error() -> None:
    with pytest.raises(EdgemedError):
        quote(ScriptedModel(["x"], fail_after=0), Source(TEXT), "On lisinopril.")


def test_the_grammar_holds_the_sentences_letter_by_letter() -> None:
    assert grammar(['say "a\\b"']) == 'root ::= "NONE" | "say \\"a\\\\b\\""\n'
    assert escaped("a\nb\tc") == "a\\nb\\tc"


def test_only_flagged_sentences_are_written_again_and_both_versions_are_kept() -> None:
    draft = "Lisinopril 40 mg daily. No fever."
    model = ScriptedModel(["Lisinopril 20 mg daily."])
    (revision,) = revise(model, TEXT, draft)
    assert draft[revision.draft.start : revision.draft.end] == "Lisinopril 40 mg daily."
    assert revision.flags
    assert revision.versions == (Version("Lisinopril 20 mg daily.", "supported", ()),)


def test_a_flagged_claim_is_written_again_with_its_whole_sentence() -> None:
    draft = "He has no fever and takes lisinopril 40 mg daily."
    assert len(review(TEXT, draft).claims) == 2
    (revision,) = revise(ScriptedModel(["NONE"]), TEXT, draft)
    assert revision.draft == Span(0, len(draft))


def test_a_sentence_is_written_again_twice_at_most() -> None:
    model = ScriptedModel(["Lisinopril 80 mg daily."])
    (revision,) = revise(model, TEXT, "Lisinopril 40 mg daily.")
    assert len(revision.versions) == len(model.requests) == ROUNDS
    assert all(version.flags for version in revision.versions)


def test_none_leaves_the_sentence_out() -> None:
    (revision,) = revise(ScriptedModel(["NONE"]), TEXT, "Lisinopril 40 mg daily.")
    assert [version.text for version in revision.versions] == [""]


def test_words_without_flags_are_not_called_supported() -> None:
    (revision,) = revise(
        ScriptedModel(["Well well.\nHe is well."]), TEXT, "Lisinopril 40 mg daily."
    )
    assert revision.versions == (Version("Well well.", "nothing to compare", ()),)
