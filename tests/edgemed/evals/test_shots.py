"""Examples before a question: which ones, in what order, and how many fit."""

from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.errors import UsageError
from edgemed.evals.examining import prompts
from edgemed.evals.shots import Shots, rows_to_learn, shown_task, with_shots, within_context
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task
from edgemed.local_models.loading import Options
from tests.edgemed.evals import task_files as files

MTS = read_task("mts-dialog")
POOL = "mts-dialog/MTS-Dialog-ValidationSet.csv"
TOPICS = ("an itching rash", "a broken ankle", "asthma and wheezing", "penicillin allergy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def row(n: int, topic: str) -> tuple[str, ...]:
        return str(n), "CC", f"He has {topic}.", f"Doctor: What is it?\nPatient: I have {topic}."

    files.put_csv(tmp_path / POOL, [files.MTS_HEAD, *(row(n, t) for n, t in enumerate(TOPICS))])
    asked = ("my ankle, which is broken", "asthma")
    files.put_csv(tmp_path / files.MTS, [files.MTS_HEAD, *(row(n, t) for n, t in enumerate(asked))])
    return tmp_path


def test_examples_by_chance_are_nested_and_the_same_for_all(folder: Path) -> None:
    items = load(MTS, folder)
    one, two, three = (with_shots(MTS, items, folder, Shots(n)) for n in (1, 2, 3))
    assert two[0].shots == two[1].shots and len(two[0].shots) == 2
    assert keys(one) < keys(two) < keys(three)
    assert one[0].shots[-1] == two[0].shots[-1]
    others = [keys(with_shots(MTS, items, folder, Shots(1, seed=n))) for n in range(9)]
    assert len(set(map(frozenset, others))) > 1


def keys(items: list[Item]) -> set[str]:
    return {shot.key for shot in items[0].shots}


def test_the_nearest_example_stands_last(folder: Path) -> None:
    ankle, asthma = with_shots(MTS, load(MTS, folder), folder, Shots(2, "likeness"))
    assert "ankle" in ankle.shots[-1].source and "asthma" in asthma.shots[-1].source


def test_a_small_pool_is_part_of_a_large_one(folder: Path) -> None:
    items = load(MTS, folder)
    small = with_shots(MTS, items, folder, Shots(1, "likeness", pool=2))
    within = with_shots(MTS, items, folder, Shots(2))[0].shots
    assert all(shot in within for item in small for shot in item.shots)


def test_an_item_is_never_its_own_example(folder: Path) -> None:
    task = read_task("mts-dialog:validation")
    for item in with_shots(task, load(task, folder), folder, Shots(3, "likeness")):
        assert item.key not in {shot.key for shot in item.shots} and len(item.shots) == 3


def test_examples_are_turns_with_their_answers(folder: Path) -> None:
    (item, _) = with_shots(MTS, load(MTS, folder), folder, Shots(1, "likeness"))
    (prompt,) = prompts(MTS, item)
    assert [m.role for m in prompt.messages] == ["user", "assistant", "user"]
    assert prompt.messages[1].content == "He has a broken ankle."
    assert "which is broken" in prompt.messages[2].content
    assert item.digest != load(MTS, folder)[0].digest


def test_a_question_with_options_shows_the_letter_or_the_text(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        names = read_task("mmlu-medical:" + {"dev": "development"}.get(split, split)).split.files
        for number, name in enumerate(names):
            files.put_csv(tmp_path / name, [[f"What, {split}{number}?", *"wxyz", "C"]])
    task = read_task("mmlu-medical")
    item = with_shots(task, load(task, tmp_path), tmp_path, Shots(2))[0]
    letter, text = prompts(task, item)
    assert [m.content for m in letter.messages if m.role == "assistant"] == ["C", "C"]
    assert [m.content for m in text.messages if m.role == "assistant"] == ["y", "y"]


def test_examples_to_learn_are_what_is_asked_and_answered(folder: Path) -> None:
    rows = rows_to_learn(MTS, folder, Shots(3))
    shots = with_shots(MTS, load(MTS, folder), folder, Shots(3))[0].shots
    assert [row["completion"] for row in rows] == [str(shot.wanted) for shot in reversed(shots)]
    (prompt,) = prompts(MTS, shots[-1])
    assert rows[0]["prompt"] == prompt.messages[-1].content
    assert rows_to_learn(MTS, folder, Shots(2)) == rows[:2]
    with pytest.raises(UsageError, match="the pool of mts-dialog has 4 examples, not 5"):
        rows_to_learn(MTS, folder, Shots(5))
    with pytest.raises(UsageError, match="has no pool"):
        rows_to_learn(read_task("ifeval"), folder, Shots(1))


def test_what_does_not_fit_is_left_out_from_the_front(folder: Path) -> None:
    items = with_shots(MTS, load(MTS, folder), folder, Shots(3, "likeness"))
    path = path_of("instruct")
    whole, fewer = within_context(path, Options(context=4096), MTS, items)
    assert whole == items and not fewer
    found, fewer = within_context(path, Options(context=512 + 250), MTS, items)
    assert fewer and all(len(a.shots) < 3 for a in found)
    for short, item in zip(found, items, strict=True):
        assert short.shots == item.shots[len(item.shots) - len(short.shots) :]


@pytest.mark.parametrize("name", ["ifeval", "medqa", "medqa-two-pass", "perplexity"])
def test_a_task_without_a_pool_takes_none(name: str) -> None:
    with pytest.raises(UsageError, match="has no pool of examples"):
        shown_task(read_task(name), Shots(1))


def test_a_pool_that_is_too_small_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="4 examples for mts-dialog need a pool of more"):
        with_shots(MTS, load(MTS, folder), folder, Shots(4))
    with pytest.raises(UsageError, match="it has 2"):
        with_shots(MTS, load(MTS, folder), folder, Shots(2, pool=2))
