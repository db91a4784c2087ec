"""The generators of the scale models' data: facts in, text out, and scores that can be wrong."""

import re
from random import Random

import pytest
from edgemed_models.scale import sweep
from edgemed_models.scale.clinical_tasks import CLINICAL_KINDS, RENDERERS, clinical_item
from edgemed_models.scale.examination import AXES, questions
from edgemed_models.scale.formats import LAYOUTS
from edgemed_models.scale.instructions import (
    INSTRUCTION_KINDS,
    composite_score,
    draw_composite,
    draw_instruction,
    is_new_pair,
    score,
)
from edgemed_models.scale.items import fact_f1, with_article
from edgemed_models.scale.patients import draw_patient, is_held_out, is_new


def test_at_least_25_kinds_of_instruction_and_five_clinical_tasks() -> None:
    drawn = {
        name
        for seed in range(2000)
        for name in draw_instruction(Random(seed), "train").item.format.split("+")
    }
    assert drawn == set(INSTRUCTION_KINDS)
    assert len(INSTRUCTION_KINDS) >= 25
    assert len(CLINICAL_KINDS) == 5


@pytest.mark.parametrize("kind", RENDERERS)
def test_a_seed_gives_the_same_item_again(kind: str) -> None:
    assert clinical_item(Random(3), kind, "dev") == clinical_item(Random(3), kind, "dev")


@pytest.mark.parametrize("kind", ["impression", "discharge", "section", "problems"])
def test_every_fact_of_the_reference_stands_in_the_source(kind: str) -> None:
    for seed in range(50):
        item = clinical_item(Random(seed), kind, "train")
        words = set(item.prompt.replace(",", " ").replace(".", " ").lower().split())
        numbers = [w for line in item.lines for w in line.split() if w.isdigit()]
        assert item.lines
        assert set(numbers) <= words


def test_no_training_patient_holds_a_pair_kept_for_the_test() -> None:
    for seed in range(300):
        patient = draw_patient(Random(seed), "train")
        assert not any(is_held_out(p.drug, p.dose) for p in patient.prescriptions)
        assert not any(is_held_out(i.side, i.finding) for i in patient.imaging)


def test_every_test_patient_holds_such_pairs() -> None:
    assert all(is_new(draw_patient(Random(seed), "test")) for seed in range(50))


def test_some_pairs_of_layout_and_topic_are_kept_from_training() -> None:
    assert any(is_new_pair("pets", layout, "") for layout in LAYOUTS) or any(
        is_new_pair("guests", layout, "") for layout in LAYOUTS
    )
    assert not is_new_pair("pets", "", "start")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_the_answer_of_an_instruction_scores_one_and_any_other_nothing(split: str) -> None:
    for seed in range(300):
        demand = draw_instruction(Random(f"{split}/{seed}"), split)  # type: ignore[arg-type]
        assert score(demand, demand.item.answer) == 1.0
        assert score(demand, demand.item.answer + " too") == 0.0


@pytest.mark.parametrize("kind", CLINICAL_KINDS)
def test_a_composite_answer_counts_only_in_its_format(kind: str) -> None:
    for seed in range(40):
        demand = draw_composite(Random(seed), kind)
        assert composite_score(demand, demand.item.answer) == 1.0
        if len(demand.item.lines) > 1:
            assert composite_score(demand, "\n".join(demand.item.lines)) == 0.0


def test_fact_f1_counts_what_is_missing_and_what_is_invented() -> None:
    expected = ("denies fever", "takes aspirin 81 mg")
    assert fact_f1(("Denies fever.", "takes  aspirin 81 mg"), expected) == 1.0
    assert fact_f1(("denies fever",), expected) == pytest.approx(2 / 3)
    assert fact_f1(("denies fever", "denies chills"), expected) == 0.5
    assert fact_f1(("denies fever", "denies fever"), expected) == 0.5
    assert fact_f1((), expected) == 0.0


@pytest.mark.parametrize("axis", AXES)
def test_questions_repeat_for_a_seed_and_their_answers_are_worth_one(axis: str) -> None:
    asked = questions(axis, 10, seed=4)
    assert [q.item for q in asked] == [q.item for q in questions(axis, 10, seed=4)]
    assert all(q.worth(q.item.answer) == 1.0 for q in asked)


@pytest.mark.parametrize("number", [8, 11, 18, 80, 81, 89])
def test_numbers_that_sound_like_vowels_take_an(number: int) -> None:
    assert with_article(f"{number}-year-old man") == f"an {number}-year-old man"


@pytest.mark.parametrize("number", [1, 7, 12, 28, 68, 110])
def test_other_numbers_take_a(number: int) -> None:
    assert with_article(f"{number} red cups") == f"a {number} red cups"


def test_no_text_says_a_81() -> None:
    wrong = re.compile(r"\ba (8\d?|11|18)[ -]", re.IGNORECASE)
    for axis in ("clinical", "instruction"):
        texts = [question.item.prompt for question in questions(axis, 300, seed=5)]
        assert not [text for text in texts if wrong.search(text)]


def test_the_measured_sweep_names_every_axis_and_its_interval() -> None:
    lines = sweep()
    assert {line["t"] for line in lines} == {n / 10 for n in range(11)}
    for line in lines:
        assert set(line) == {"method", "type", "t", "seed", "axes"}
        assert tuple(line["axes"]) == AXES
        for score_ in line["axes"].values():
            assert 0 <= score_["low"] <= score_["mean"] <= score_["high"] <= 1
            assert score_["items"] >= 200
