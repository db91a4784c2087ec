"""The report: what it counts, in files of every form, and every sign with an example of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import InvalidFile
from edgemed.instructions.answered import Answered, read_answered
from edgemed.instructions.report import STEPS, card_beside, lengths, report
from edgemed.instructions.seeds import own_seeds
from edgemed.instructions.signs import SIGNS

GOOD = {
    "instruction": "Explain what insulin does.",
    "input": "",
    "output": "Insulin lowers the sugar in the blood.",
    "topic": "Diabetes", "view": "Nurse", "type": "Explanation", "difficulty": 2,
}  # fmt: skip


def read(path: Path, *rows: Any) -> list[Answered]:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return read_answered(path)


def signs(tmp_path: Path, **changes: Any) -> set[str]:
    (task,) = read(tmp_path / "t.jsonl", GOOD | changes)
    return {name for name, shows in SIGNS.items() if shows(task)}


def test_a_plain_task_has_no_sign(tmp_path: Path) -> None:
    assert signs(tmp_path) == set()
    assert signs(tmp_path, output="Penicillin") == set()
    assert signs(tmp_path, output="Insulin, glucagon.\n- fever") == set()


EXAMPLES: dict[str, dict[str, Any]] = {
    "the answer is empty": {"output": " ...\n"},
    "the answer refuses": {"output": "I’m sorry, but I cannot help with insulin."},
    "the answer repeats the task": {"output": "Explain what insulin does!"},
    "the answer says a sentence twice": {"output": "Insulin lowers the sugar. Insulin lowers the "
                                         "sugar. Ask your doctor."},
    "the answer breaks off": {"output": "Insulin lowers the sugar in the"},
    "multiple choice without choices": {"type": "Multiple-choice Q&A", "output": "A) Insulin."},
    "multiple choice, and the answer names none": {
        "type": "Multiple choice", "input": "A) insulin B) glucagon", "output": "Insulin it is."},
    "nothing medical is named": {"instruction": "Write a poem.", "output": "A poem of love."},
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNS)
def test_every_sign_has_an_example(name: str, tmp_path: Path) -> None:
    assert signs(tmp_path, **EXAMPLES[name]) == {name}


def test_the_packages_seeds_name_something_medical() -> None:
    named = SIGNS["nothing medical is named"]
    tasks = [Answered("", s.task.instruction, s.task.input, "", {}) for s in own_seeds()]
    assert sum(named(task) for task in tasks) <= 8


def test_the_figures_of_a_small_file(tmp_path: Path) -> None:
    rows = [
        GOOD,
        GOOD,
        GOOD | {"instruction": "Explain what insulin does today.", "difficulty": "3"},
        GOOD
        | {"instruction": "Name a drug.", "input": "For pain.", "output": "Aspirin", "view": ""},
        {"instruction": "Shorten this note.", "input": "<noinput>", "output": "word " * 120},
    ]
    found = report(read(tmp_path / "t.jsonl", *rows))
    assert (found.tasks, found.with_input, found.same, found.alike) == (5, 1, 1, 2)
    assert found.strata["view"] == {"Nurse": 3}
    assert found.strata["difficulty"] == {"2": 3, "3": 1}
    assert found.lengths["input"] == (1, 2, 2, 2, 2)
    assert found.lengths["output"].most == 120
    assert found.answers == {1: 1, 5: 3, 10: 0, 25: 0, 50: 0, 100: 1, 200: 0, 400: 0}
    assert list(found.answers) == list(STEPS)
    assert found.signs["nothing medical is named"] == 1 and found.clean == 2


def test_lengths_without_a_text_are_zero() -> None:
    assert lengths(["", "..."]) == (0, 0, 0, 0, 0)
    assert lengths(["a " * n for n in range(1, 102)]) == (101, 51, 11, 91, 101)


@pytest.mark.parametrize(
    "row", [5, {"instruction": "a"}, {"output": "a"}, GOOD | {"output": 5}, GOOD | {"input": 5}]
)
def test_a_bad_row_is_named(row: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"t\.jsonl, line 2: "):
        read(tmp_path / "t.jsonl", GOOD, row)


def test_an_empty_file_and_a_list_are_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="holds no task"):
        read(tmp_path / "t.jsonl")
    (tmp_path / "t.json").write_text(json.dumps([GOOD, {"instruction": "a", "output": "b"}]))
    places = [task.place for task in read_answered(tmp_path / "t.json")]
    assert places == [f"{tmp_path / 't.json'}, entry {n}" for n in (1, 2)]


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"tasks_sha256": 5}', '{"tries": []}'])
def test_a_card_of_something_else_is_passed_over(card: str, tmp_path: Path) -> None:
    read(tmp_path / "t.jsonl", GOOD)
    assert card_beside(tmp_path / "t.jsonl") is None
    (tmp_path / "t.jsonl.json").write_text(card)
    assert card_beside(tmp_path / "t.jsonl") is None
