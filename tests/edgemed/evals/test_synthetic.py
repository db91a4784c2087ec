"""Synthetic sets: the committed files are what the program makes, and hold together as cases."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from edgemed.evals.examining import Outcome
from edgemed.evals.figures import COMPOSITE, COMPOSITE_NAME, figures
from edgemed.evals.synthetic import radiology, stays
from edgemed.evals.synthetic.compose import drawn, filled
from edgemed.evals.synthetic.make import SETS, SIZES, file_of, lines
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task

FILES = [(name, split) for name in SETS for split in SIZES]


def rows(name: str, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file_of(name, split).read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("name", "split"), FILES)
def test_the_program_makes_the_committed_file_byte_for_byte(name: str, split: str) -> None:
    assert "".join(lines(name, split)).encode() == file_of(name, split).read_bytes()


@pytest.mark.parametrize("name", SETS)
def test_cases_are_many_varied_and_whole(name: str) -> None:
    every = [row for split in SIZES for row in rows(name, split)]
    assert len(every) >= 100 and len({row["kind"] for row in every}) >= 12
    assert len({row["source"] for row in every}) == len(every)
    assert len({row["reference"] for row in every}) > 0.9 * len(every)
    text = "".join(row["source"] + row["reference"] for row in every)
    assert not set("{}|") & set(text) and ".." not in text and "  " not in text


@pytest.mark.parametrize("name", SETS)
def test_a_synthetic_task_needs_no_file_and_is_in_no_composite(name: str, tmp_path: Path) -> None:
    task = read_task(name)
    items = load(task, tmp_path)
    assert len(items) == SIZES["test"] and "Synthetic" in task.title and task.licence == "CC0"
    assert "development" not in task.table  # no t is chosen by it
    counts = {measure: (1.0, 1.0) for measure in COMPOSITE if measure != "bleu"}
    bleu = (*[1.0] * 8, 4.0, 4.0)
    outcomes = [Outcome({**counts, "bleu": bleu}) for _ in items]
    found = {figure.measure for figure in figures(task, items, outcomes)}
    assert set(COMPOSITE) <= found and COMPOSITE_NAME not in found
    real = figures(read_task("mts-dialog"), items, outcomes)
    assert COMPOSITE_NAME in {figure.measure for figure in real}


def test_what_one_table_says_of_another_is_there() -> None:
    for name, study in radiology.studies().items():
        known = {finding["id"] for finding in study["finding"]}
        for ask in study["ask"]:
            assert {*ask["yes"], *ask.get("not", ())} <= known, name
        for finding in study["finding"]:
            assert {finding["part"], *finding.get("also", ())} <= set(study["normal"]), name
            answers = any(finding["id"] in ask["yes"] or "else" in ask for ask in study["ask"])
            assert answers or finding["class"] == "side", (name, finding["id"])
    tables = stays.problems()
    mains, besides = ({one["id"] for one in tables[key]} for key in ("main", "beside"))
    for one in tables["beside"]:
        assert {*one.get("not", ()), *one.get("with", ())} <= mains, one["id"]
    for turn in (turn for main in tables["main"] for turn in main["turn"]):
        assert {*turn.get("not", ()), *turn.get("only", ())} <= besides


def test_a_summary_names_every_drug_result_and_visit_of_the_orders() -> None:
    tables = stays.problems()
    for number in range(60):
        main = tables["main"][number % len(tables["main"])]
        case = stays.made(Random(number), tables, main)
        told = stays.summary(Random(number), case).lower()
        wanted = case.all("start", "add", "change", "stop", "hold", "pending", "follow")
        assert all(text.lower() in told for text in [*wanted, *stays.continued(case)])


def test_slots_are_numbers_words_and_what_is_reckoned_from_them() -> None:
    slots: dict[str, str] = {}
    told = {"a": "3..9", "b": "a - 2", "c": "1.5..1.9", "d": "left|right", "e": "other d"}
    drawn(Random(0), told, slots)
    assert 3 <= int(slots["a"]) <= 9 and int(slots["b"]) == int(slots["a"]) - 2
    assert 1.5 <= float(slots["c"]) <= 1.9 and {slots["d"], slots["e"]} == {"left", "right"}
    assert filled("{D} and {d}", slots) == f"{slots['d'].capitalize()} and {slots['d']}"
    with pytest.raises(KeyError):
        filled("{z}", slots)
