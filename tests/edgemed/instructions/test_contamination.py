"""Sentences of tasks that occur in a test set: whole, in one text, in every form of file."""

import json
from pathlib import Path

import pytest

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.instructions.answered import Answered
from edgemed.instructions.contamination import LEAST, ROWS, TABLES, contamination, read_texts
from edgemed.instructions.seeds import own_seeds

SAID = "The patient was started on furosemide and lost five kilograms."
OTHER = "He was told to measure his weight every morning before breakfast."


def task(instruction: str = "", given: str = "", output: str = "") -> Answered:
    return Answered("file, line 1", instruction, given, output, {})


def test_a_sentence_is_found_whatever_its_case_and_punctuation() -> None:
    tasks = [task("Shorten.", SAID), task("Explain.", "", f"Yes. {OTHER} Good.")]
    texts = [f"DIALOGUE\n{SAID.upper().replace(' ', '  ')}", "nothing", OTHER[:-1].replace(",", "")]
    found = contamination(tasks, texts)
    assert found.found == {"instruction": 0, "input": 1, "output": 1}
    assert (found.tasks, found.test_texts, found.texts) == ((0, 1), (1, 3), 3)
    assert found.compared == 2


def test_all_its_words_must_stand_in_a_row_in_one_text() -> None:
    half = SAID.split()
    texts = [" ".join(half[:-1]), " ".join([*half[:5], "then", *half[5:]])]
    found = contamination([task(output=SAID)], [*texts, half[-1]])
    assert found.tasks == () and found.test_texts == () and found.compared == 1


def test_short_sentences_are_not_compared() -> None:
    words = SAID.rstrip(".").split()
    short, long = " ".join(words[: LEAST - 1]), " ".join(words[:LEAST])
    assert contamination([task(output=short)], [SAID]).compared == 0
    assert contamination([task(output=long)], [SAID]).tasks == (0,)


def test_a_sentence_in_several_tasks_and_texts_counts_in_each_task() -> None:
    found = contamination([task(output=SAID), task(output="No."), task(SAID)], [SAID, OTHER, SAID])
    assert found.found == {"instruction": 1, "input": 0, "output": 1}
    assert (found.tasks, found.test_texts) == ((0, 2), (1, 3))


def test_every_form_of_test_set_is_read(tmp_path: Path) -> None:
    rows = [{"a": SAID, "b": [{"c": OTHER}], "n": 5}, {"a": "x", "none": None}]
    (tmp_path / "t.json").write_text(json.dumps(rows))
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "o.json").write_text(json.dumps({"1": rows[0], "2": rows[1]}, indent=2))
    (tmp_path / "t.csv").write_text(f'ID,section_text,dialogue\n0,"{SAID}","a\n{OTHER}"\n1,x,y\n')
    (tmp_path / "t.tsv").write_text(f"ID\ttext\n0\t{SAID}\n")
    (tmp_path / "t.txt").write_text(f"\ufeff{SAID}\n{OTHER}")
    tasks = [task(output=SAID), task(output=OTHER)]
    for name, where in (
        ("t.json", (1,)), ("o.json", (1,)), ("t.jsonl", (1,)), ("t.csv", (2,)), ("t.txt", (1,)),
    ):  # fmt: skip
        found = contamination(tasks, read_texts(tmp_path / name))
        assert (found.tasks, found.test_texts) == ((0, 1), where), name
    assert contamination(tasks, read_texts(tmp_path / "t.tsv")).tasks == (0,)


def test_what_is_no_test_set_is_refused(tmp_path: Path) -> None:
    for name, data, words in (
        ("a.txt", b" ...\n", "holds no text"),
        ("b.txt", b"\xff\xfe", "is not UTF-8"),
        ("c.csv", b'a,"' + b"x" * 200_000, "is not a table"),
        ("d.jsonl", b"{", "line 1: it is not JSON"),
        ("e.json", b"", "holds no text"),
        ("f.json", b'{"a": 1}\n{"a"', "line 2: it is not JSON"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidFile, match=words):
            read_texts(tmp_path / name)
    with pytest.raises(EdgemedError, match="cannot read"):
        read_texts(tmp_path / "none.txt")


SETS = (
    "eval/medqa", "eval/medmcqa", "eval/mmlu-med", "eval/pubmedqa", "eval/ifeval",
    "clinical/mts-dialog", "clinical/aci-bench", "clinical/medec",
)  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_our_seed_tasks_hold_no_sentence_of_a_public_test_set(name: str, data: Path) -> None:
    seeds = [task(s.task.instruction, s.task.input) for s in own_seeds()]
    files = [p for p in (data / name).rglob("*") if p.suffix in (*ROWS, *TABLES)]
    assert files
    for path in files:
        assert contamination(seeds, read_texts(path)).tasks == (), path
