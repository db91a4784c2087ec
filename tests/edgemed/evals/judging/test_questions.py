"""What a judge is asked, and how its replies are read."""

import json

import pytest
from edgemed_models.base import Request
from edgemed_models.scale import path_of

from edgemed.evals.judging import questions
from edgemed.evals.judging.questions import (
    AXES,
    NOTHING,
    of_axes,
    of_pair,
    preferred,
    scored_axes,
    scored_pair,
    scores_in,
)
from edgemed.evals.measures import measured
from edgemed.local_models.loading import Options, load_model

WHOLE = {"fluency": 4, "relevance": 3, "completeness": 1, "proficiency": 5}


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ("A", 1.0),
        ("B.", 0.0),
        ("TIE", 0.5),
        ("\n**Answer: B**\n\nIt is shorter.", 0.0),
        ("The better answer is A.", 1.0),
        ("A is better than B because it names the dose.", 1.0),
        ("Answer B wins", 0.0),
        ("A tie", 0.5),
        ("(b)", None),
        ("A, or perhaps B", None),
        ("A good answer names the dose.", None),
        ("a patient with a cough", None),
        ("B's is shorter", None),
        ("Both are good.", None),
        ("I cannot say.", None),
        ("Tied down to A", None),
        ("", None),
    ],
)
def test_a_verdict_is_what_a_reply_begins_with(reply: str, says: float | None) -> None:
    assert preferred(reply) == says


def test_both_orders_are_asked_with_everything_that_is_needed() -> None:
    first, second = of_pair("Summarize: {first}", "Gold.", "Our text.", "Their text.")
    for request, order in ((first, ("Our", "Their")), (second, ("Their", "Our"))):
        (message,) = request.messages
        text = message.content
        assert message.role == "user" and request.temperature == 0 and request.grammar is None
        assert "Summarize: {first}" in text and "Gold." in text  # a field is never read as one
        assert text.index(f"{order[0]} text.") < text.index(f"{order[1]} text.")


@pytest.mark.parametrize(
    ("replies", "win", "first_place", "agree"),
    [
        (("A", "B"), 1, 0.5, 1),
        (("B", "A"), 0, 0.5, 1),
        (("A", "A"), 0.5, 1, 0),
        (("TIE", "TIE"), 0.5, 0.5, 1),
        (("A", "TIE"), 0.75, 0.75, 0),
        (("B", "B"), 0.5, 0, 0),
    ],
)
def test_an_item_is_the_mean_of_its_two_orders(
    replies: tuple[str, str], win: float, first_place: float, agree: float
) -> None:
    found = scored_pair(replies, "two words", "one")
    assert found["win"] == (win, 1) and found["first place wins"] == (first_place, 1)
    assert found["orders agree"] == (agree, 1) and found["unparsable"] == (0, 1)
    assert found["words"] == (2, 1) and found["words of the other"] == (1, 1)


def test_a_reply_that_says_nothing_is_left_out_and_counted() -> None:
    rows = [scored_pair(pair, "x", "y") for pair in (("A", "B"), ("A", "hm"), ("hm", "B"))]
    wins = measured("win", [row["win"] for row in rows])
    lost = measured("unparsable", [row["unparsable"] for row in rows])
    assert wins is not None and wins.value == 1
    assert lost is not None and lost.value == pytest.approx(2 / 3)


def test_four_scores_or_none() -> None:
    found = scored_axes(json.dumps(WHOLE), "three words here")
    assert {axis: found[axis] for axis in AXES} == {a: (n, 1) for a, n in WHOLE.items()}
    assert found["words"] == (3, 1) and found["unparsable"] == (0, 1)
    for bad in ("", "[]", '{"fluency": 3}', json.dumps(WHOLE | {"fluency": 6}),
                json.dumps(WHOLE | {"fluency": True}), json.dumps(WHOLE)[:-3]):  # fmt: skip
        assert not scores_in(bad)
        assert scored_axes(bad, "x")["relevance"] == NOTHING
    assert scored_axes("", "x")["unparsable"] == (1, 1)


def test_scores_of_one_number_are_no_rates() -> None:
    found = measured("fluency", [(1.0, 1.0)] * 9)
    assert found == (1, 1, 1)


def test_a_model_under_the_grammar_writes_four_scores_and_nothing_else() -> None:
    (request,) = of_axes("Summarize.", "Gold.", "An answer.")
    assert "An answer." in request.messages[0].content
    model = load_model(path_of("instruct"), Options(context=1024, threads=1))
    try:
        short = Request(request.messages, request.max_tokens, grammar=request.grammar)
        text = "".join(getattr(event, "text", "") for event in model.generate(short))
    finally:
        model.close()
    assert set(scores_in(text)) == set(AXES)


def test_the_judges_questions_name_all_axes() -> None:
    table = questions.questions()
    assert all(f"\n{axis}: " in table["axes"]["ask"] for axis in AXES)
