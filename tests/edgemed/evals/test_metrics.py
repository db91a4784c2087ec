"""Metrics: each on answers that are right, nearly so and wrong; ROUGE-L as rouge-score has it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemed.evals.metrics import METRICS, common_length, rouge_l_of

WORDS = st.lists(st.sampled_from("abcd"), max_size=40)


@pytest.mark.parametrize(
    ("metric", "argument", "answer", "worth"),
    [
        ("facts", ["aspirin 81 mg", "no fever"], "On Aspirin  81 mg;\nno\nfever.", 1),
        ("facts", ["aspirin 81 mg", "no fever"], "aspirin 81 mg, fever", 0.5),
        ("facts", ["5 mg"], "2.5 mg", 0),
        ("facts", ["5 mg"], "15 mg", 0),
        ("facts", ["5 mg"], "5 mg.", 1),
        ("facts", ["a(b"], "see A(B here", 1),
        ("facts", ["furosemide 40 mg"], "Furosemide **40mg** daily", 1),
        ("facts", ["40mg"], "40 mg", 1),
        ("facts", ["10 mg"], "5-10 mg", 0),
        ("facts", ["potassium 4"], "Potassium 4.5", 0),
        ("facts", ["1"], "1,000 mg", 0),
        ("facts", ["жар"], "Жар нет", 1),
        ("answer", ["Yes", "no"], " yes.\n", 1),
        ("answer", ["yes"], "yes, it is", 0),
        ("choice", "C", "The answer is C.", 1),
        ("choice", "C", "Cardiology, so B", 0),
        ("choice", "C", "none", 0),
        ("choice", "C", "I think it is C", 1),
        ("choice", "C", "A patient with fever: (C)", 1),
        ("choice", "A", "A. Aspirin", 1),
        ("choice", "B", "B's", 0),
        ("excludes", ["advice"], "No ADVICE here", 0),
        ("excludes", ["advice"], "advised", 1),
        ("starts", "Dear", "  Dear Ann", 1),
        ("starts", "Dear", "dear Ann", 0),
        ("ends", "end.", "The end.\n", 1),
        ("ends", "end.", "The end", 0),
        ("words-at-most", 3, "one two three", 1),
        ("words-at-most", 3, "one two three four", 0),
        ("words-at-least", 2, "one", 0),
        ("words-at-least", 2, "one two", 1),
        ("lines", 2, "a\n\nb\n", 1),
        ("lines", 2, "a", 0),
        ("bullets", 3, "- a\n* b\n3. c", 1),
        ("bullets", 3, "- a\nb\n- c", 0),
        ("bullets", 2, "-a\n-b", 0),
        ("json", ["drug"], ' {"drug": "aspirin", "dose": 81} ', 1),
        ("json", ["drug"], 'Here: {"drug": 1}', 0),
        ("json", [], "[1]", 0),
        ("json", ["drug"], "{" * 100_000, 0),
        ("case", "lower", "no fever, 38 c", 1),
        ("case", "upper", "NO FEVEr", 0),
    ],
)
def test_each_metric(metric: str, argument: Any, answer: str, worth: float) -> None:
    assert METRICS[metric].fits(argument)
    assert METRICS[metric].worth(answer, argument) == worth


@pytest.mark.parametrize("metric", METRICS)
def test_no_metric_takes_what_it_cannot_use(metric: str) -> None:
    for wrong in (None, {}, True, 0, -3, 1.5, [1], [""], "", "\n", [" a"], " a "):
        assert not METRICS[metric].fits(wrong), wrong


@given(st.text(max_size=80), st.sampled_from(list(METRICS)))
def test_a_worth_is_from_0_to_1_whatever_the_answer(answer: str, metric: str) -> None:
    arguments = {"choice": "A", "json": ["a"], "case": "upper", "starts": "a", "ends": "a"}
    texts, count = ["a", "b c"], 2
    takes = METRICS[metric].fits
    argument = arguments.get(metric, texts if takes(texts) else count)
    assert 0 <= METRICS[metric].worth(answer, argument) <= 1


@given(WORDS, WORDS)
def test_the_common_length_is_that_of_the_plain_table(one: list[str], other: list[str]) -> None:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            longer = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else longer
    assert common_length(one, other) == table[-1][-1]


@given(st.text("ab C3.-\n", max_size=60), st.text("ab C3.-\n", max_size=60))
def test_rouge_l_is_what_rouge_score_gives(answer: str, reference: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    theirs = scorer.score(reference, answer)["rougeL"].fmeasure
    assert rouge_l_of(answer, reference) == pytest.approx(theirs)


@pytest.mark.parametrize("metric", ["rouge-l", "facts", "answer", "excludes"])
def test_a_text_without_a_word_is_nothing_to_look_for(metric: str) -> None:
    assert not METRICS[metric].fits(["..."])
    assert METRICS[metric].fits(["発熱なし"])


def test_a_text_in_other_letters_is_like_itself() -> None:
    assert METRICS["rouge-l"].worth("Пациент жалуется", ["пациент жалуется"]) == 1


def test_of_several_references_the_best_counts() -> None:
    assert METRICS["rouge-l"].worth("no fever", ["cough", "no fever"]) == 1
