"""Figures from counts: the same as the libraries', and nothing where nothing was counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from edgemed.evals.divisions import HEADINGS, divided
from edgemed.evals.examining import Outcome
from edgemed.evals.figures import COMPOSITE, COMPOSITE_NAME, composite, figures
from edgemed.evals.following.kinds import Instruction
from edgemed.evals.measures import figure_of, measured
from edgemed.evals.scoring import WRITTEN, bleu, claims, followed, picked, rouge, written
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import read_task

WORDS = "the patient takes aspirin 81 mg daily and denies pain , fever . Rest".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
MTS = read_task("mts-dialog")
ACI = read_task("aci-bench")


def item(reference: str, source: str = "") -> Item:
    return Item("1", "file, line 1", {}, reference, source=source)


@given(st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1, max_size=6))
def test_bleu_of_the_sums_is_sacrebleus_of_the_corpus(pairs: list[tuple[str, str]]) -> None:
    rows = [bleu(MTS, item(reference), answer)["bleu"] for answer, reference in pairs]
    ours = float(figure_of("bleu", np.array(rows, np.float64).sum(axis=0))) * 100
    theirs = BLEU().corpus_score([a for a, _ in pairs], [[r for _, r in pairs]]).score
    assert ours == pytest.approx(theirs, abs=1e-9)


@given(st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1, max_size=6))
def test_rouge_is_the_mean_of_rouge_scores_f_with_stems(pairs: list[tuple[str, str]]) -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    for name in ("rouge1", "rouge2", "rougeL"):
        rows = [counts(name, answer, reference) for answer, reference in pairs]
        theirs = [scorer.score(reference, answer)[name].fmeasure for answer, reference in pairs]
        found = measured(name, rows)
        assert found is not None and found.value == sum(theirs) / len(theirs)


def counts(name: str, answer: str, reference: str) -> tuple[float, ...]:
    return WRITTEN[name](MTS, item(reference), answer)[name]


def test_stems_count_for_mts_dialog_and_not_for_aci_bench() -> None:
    assert rouge(MTS, ["rouge1"], "coughing", "coughs") == [1.0]
    assert rouge(ACI, ["rouge1"], "coughing", "coughs") == [0.0]


@pytest.mark.parametrize("answer", ["", " \n", "...", "咳"])
def test_an_answer_without_a_word_scores_nothing(answer: str) -> None:
    found = written(MTS, item("Penicillin.", "Patient: penicillin."), answer)
    assert all(found[name] == (0.0, 1.0) for name in ("rouge1", "rouge2", "rougeL"))
    assert float(figure_of("bleu", np.array(found["bleu"]))) == 0


def test_claims_are_counted_against_the_source() -> None:
    source = "Doctor: Do you have a fever?\nPatient: No fever. I take aspirin 81 mg daily."
    right = claims(MTS, item("x", source), "The patient takes aspirin 81 mg daily.")
    wrong = claims(MTS, item("x", source), "The patient takes aspirin 325 mg daily.")
    assert right["claims supported"] == (1.0, 1.0) and right["claims contradicted"] == (0.0, 1.0)
    assert wrong["claims contradicted"] == (1.0, 1.0)
    assert claims(MTS, item("x", source), "")["facts omitted"][0] > 0


def test_a_rate_over_nothing_is_no_figure() -> None:
    assert measured("claims supported", [(0.0, 0.0), (0.0, 0.0)]) is None
    assert measured("facts omitted", [(2.0, 0.0)]) is None
    assert measured("rouge1", []) is None
    found = measured("claims supported", [(1.0, 2.0), (0.0, 2.0), (3.0, 4.0)])
    assert found is not None and found.value == 0.5 and found.low <= 0.5 <= found.high


def test_instructions_are_counted_by_prompt_and_by_instruction() -> None:
    asked = [
        Instruction("punctuation:no_comma", {}),
        Instruction("length_constraints:number_words", {"num_words": 3, "relation": "at least"}),
    ]
    found = followed(asked, "two words")
    assert found["prompt-strict"] == (0.0, 1.0) and found["instruction-strict"] == (1.0, 2.0)


def test_of_equal_options_the_first_counts() -> None:
    assert picked([-1.0, -1.0], 0) == (1.0, 1.0) and picked([-1.0, -1.0], 1) == (0.0, 1.0)
    assert picked([-3.0, -1.0, -2.0], 1) == (1.0, 1.0)


NOTE = (
    "Mr. Smith came in.\nHPI : cough\nPhysical Examination\nclear\nRESULTS\nx\n"
    "IMPRESSION\nwell\nPlan : rest"
)


def test_a_note_is_divided_by_its_headings() -> None:
    found = divided(NOTE)
    assert list(found) == list(HEADINGS)
    assert found["subjective"].startswith("Mr. Smith") and "cough" in found["subjective"]
    assert found["objective_exam"] == "Physical Examination\nclear\n"
    assert found["assessment_and_plan"] == "IMPRESSION\nwell\nPlan : rest"
    assert "".join(found.values()) == NOTE


def test_only_in_capitals_an_impression_is_an_assessment() -> None:
    assert list(divided("Results:\nImpression: normal")) == ["objective_results"]
    assert list(divided("plan\nrest")) == ["assessment_and_plan"]  # alone on its line
    assert list(divided("planned surgery")) == ["subjective"]
    assert divided("") == {"subjective": ""}


def test_a_division_that_both_lack_scores_1_as_in_the_benchmark() -> None:
    found = written(ACI, item("HPI : cough\nPLAN : rest"), "HPI : cough")
    assert found["rougeLsum subjective"] == (1.0, 1.0)
    assert found["rougeLsum assessment_and_plan"] == (0.0, 1.0)
    assert found["rougeLsum objective_exam"] == (1.0, 1.0)


def test_meteor_counts_stems_and_chunks_and_no_synonyms() -> None:
    """3 of 4 words in 2 chunks: 0.75 less half of (2 / 3) cubed of it; a stem counts, took does
    not; and the published example of one chunk that is the whole text."""
    score = WRITTEN["meteor-stems"]
    (found, _) = score(MTS, item("The patient takes aspirin"), "the patient took aspirin")[
        "meteor-stems"
    ]
    assert found == pytest.approx(0.75 * (1 - 0.5 * (2 / 3) ** 3))
    (found, _) = score(MTS, item("takes aspirin"), "taking aspirin")["meteor-stems"]
    assert found == pytest.approx(1 - 0.5 * (1 / 2) ** 3)
    assert score(MTS, item("car"), "automobile")["meteor-stems"] == (0.0, 1.0)


def test_similarity_is_higher_for_the_same_matter() -> None:
    reference = "The patient has a fever. He takes aspirin daily."
    same, near, far, none = (
        WRITTEN["similarity"](MTS, item(reference), answer)["similarity"][0]
        for answer in (reference, "He is febrile and on aspirin.", "The sky is blue.", " ... ")
    )
    assert same == pytest.approx(1, abs=1e-5) and same > near > far > none == 0


def test_a_long_answer_is_compared_sentence_by_sentence() -> None:
    """The encoder reads 256 tokens of a text; what follows them counts here too."""
    long = " ".join(["The weather was fine that day and nobody spoke of it."] * 40)
    end = f"{long} The patient has a fever."
    with_end, without = (
        WRITTEN["similarity"](MTS, item("The patient has a fever."), answer)["similarity"][0]
        for answer in (end, long)
    )
    assert with_end > 3 * without


def test_the_composite_is_the_mean_of_its_parts_and_stands_beneath_them() -> None:
    pairs = [("He takes aspirin 81 mg daily.", "He takes aspirin daily for pain."), ("No.", "Yes.")]
    outcomes = [Outcome(written(MTS, item(reference), answer)) for reference, answer in pairs]
    found = figures(MTS, [item(reference) for reference, _ in pairs], outcomes)
    values = {figure.measure: figure.value.value for figure in found}
    assert values["composite 1"] == pytest.approx(sum(values[name] for name in COMPOSITE) / 5)
    assert found[-1].measure == COMPOSITE_NAME and set(COMPOSITE) < set(values)
    assert composite([Outcome({"rouge1": (1.0, 1.0)})]) is None
    assert values["words"] == 3.5
