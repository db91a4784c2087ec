"""What a task gives for nothing."""

from pathlib import Path

import pytest

from edgemed.evals.sweeping.floors import floor_of, lead
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task
from tests.edgemed.evals import task_files as files


def test_options_by_chance(tmp_path: Path) -> None:
    files.put_lines(tmp_path / files.MEDQA, [files.medqa_row(n) for n in range(3)])
    task = read_task("medqa")
    assert floor_of(task, load(task, tmp_path), "letter") == [(0.25, 1.0)] * 3


def test_a_text_by_the_first_words_of_its_source(tmp_path: Path) -> None:
    """k is the median of the references' lengths; a source that is the reference scores 1."""
    rows = [(str(n), "ALLERGY", text, source) for n, (text, source) in enumerate(
        [("a b c", "a b c d e f"), ("x y z", "q w e r"), ("one two three four", "one two three")]
    )]  # fmt: skip
    files.put_csv(tmp_path / files.MTS, [files.MTS_HEAD, *rows])
    task = read_task("mts-dialog")
    items = load(task, tmp_path)
    assert lead(items[0], 3) == "a b c"
    found = [part for part, _ in floor_of(task, items, "rougeL")]
    assert found == pytest.approx([1, 0, 2 * 3 / 7])


def test_instructions_by_the_prompt_itself(tmp_path: Path) -> None:
    files.put_lines(tmp_path / files.IFEVAL, [files.ifeval_row(1)])
    task = read_task("ifeval:full")
    # "Write without commas, in 3 words or more.": it has a comma, and 8 words
    assert floor_of(task, load(task, tmp_path), "instruction-strict") == [(1.0, 2.0)]


def test_a_form_by_nothing() -> None:
    item = Item("1", "f, line 1", {"dialogue": "a b", "form": "..."}, "", "json", "a b")
    assert floor_of(read_task("output-forms"), [item], "in-form") == [(0.0, 1.0)]
