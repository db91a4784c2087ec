"""Verdicts on instructions: the same as the published checkers', answer by answer."""

import json
from pathlib import Path

import pytest

from edgemed.evals.following.kinds import KINDS, Instruction
from edgemed.evals.following.language import detected
from edgemed.evals.following.sentences import sentences_of
from edgemed.evals.following.verdicts import loose, obeys, readings, strict

FIXTURE = Path(__file__).parents[1] / "data" / "ifeval" / "verdicts.jsonl"
ROWS = [json.loads(line) for line in FIXTURE.read_text("utf-8").splitlines()]


def instructions(row: dict[str, list[object]]) -> list[Instruction]:
    pairs = zip(row["kinds"], row["arguments"], strict=True)
    return [Instruction(str(kind), dict(given)) for kind, given in pairs]  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", KINDS)
def test_verdicts_are_those_of_lm_evaluation_harness(kind: str) -> None:
    rows = [row for row in ROWS if row["kinds"] == [kind]]
    for row in rows:
        asked = instructions(row)
        assert [strict(row["answer"], asked), loose(row["answer"], asked)] == row["verdicts"]
    assert {verdict for row in rows for verdict in row["verdicts"][0]} == {True, False}


def test_all_25_kinds_are_there() -> None:
    assert len(KINDS) == 25


def test_loosely_the_outer_lines_and_stars_are_left_out() -> None:
    assert readings("a\n*b*\nc") == [
        "a\n*b*\nc", "*b*\nc", "a\n*b*", "*b*", "a\nb\nc", "b\nc", "a\nb", "b",
    ]  # fmt: skip
    quoted = [Instruction("startend:quotation", {})]
    answer = 'Here it is:\n"All is well."'
    assert strict(answer, quoted) == [False] and loose(answer, quoted) == [True]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_answer_obeys_nothing(kind: str) -> None:
    row = next(row for row in ROWS if row["kinds"] == [kind])
    assert strict(" \n", instructions(row)) == loose("", instructions(row)) == [False]


def test_a_sign_is_counted_where_the_published_checker_counts_a_random_letter() -> None:
    wanted = Instruction(
        "keywords:letter_frequency", {"letter": "!", "let_frequency": 2, "let_relation": "at least"}
    )
    assert obeys("Well! Done!", wanted) and not obeys("Well done!", wanted)


def test_the_language_is_told_alike_each_time() -> None:
    assert {detected("Le patient a bien dormi") for _ in range(5)} == {"fr"}
    assert detected("123 45") is None


def test_sentences_end_where_nltk_ends_them() -> None:
    assert sentences_of("Dr. Smith came at 3 p.m. today. He left.") == [
        "Dr. Smith came at 3 p.m. today.",
        "He left.",
    ]
    # The method that comes with the parameters joins these two.
    assert sentences_of("It starts with P.S.?")[-1] == "?"
