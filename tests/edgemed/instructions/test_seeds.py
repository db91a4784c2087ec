"""Seed tasks: those of the package are many, spread and unlike; bad rows are named."""

import json
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.instructions import seeds as room
from edgemed.instructions.likeness import Texts
from edgemed.instructions.seeds import own_seeds, read_seeds
from edgemed.instructions.task import InstructionTask

SECRET = "Mrs Example"
GOOD = {
    "topic": "Cardiology", "view": "Nurse", "type": "Writing", "difficulty": 2,
    "instruction": "Write a note.", "input": "Pulse 80.",
}  # fmt: skip
# A row as the paper's file has them (data/med_seed.json): one JSON list, the difficulty as a text.
PUBLISHED = {
    "topic": "Genetics", "view": "Student (Medicine)", "type": "Open Q&A",
    "instruction": "Explain what a gene is.", "input": "<noinput>", "difficulty": "1",
}  # fmt: skip


def written(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def numbered(count: int) -> list[dict[str, Any]]:
    return [GOOD | {"instruction": f"Write note {n}."} for n in range(count)]


def test_the_packages_own_are_spread_and_unlike() -> None:
    tasks = [seed.task for seed in own_seeds()]
    assert len(tasks) >= 60
    assert len({seed.id for seed in own_seeds()}) == len(tasks)
    for name, least, each in (("type", 10, 4), ("view", 15, 1), ("difficulty", 5, 8)):
        counted = Counter(getattr(task, name) for task in tasks)
        assert len(counted) >= least and min(counted.values()) >= each, (name, counted)
    assert len({task.topic for task in tasks}) > 60
    assert 30 < sum(bool(task.input) for task in tasks) < len(tasks)
    texts = Texts()
    for task in tasks:
        assert not texts.too_like(task.instruction), task.instruction
        texts.add(task.instruction)


def test_the_notice_counts_them_and_names_the_licence() -> None:
    notice = (resources.files("edgemed.instructions.seed_tasks") / "NOTICE.md").read_text("utf-8")
    assert f"{len(own_seeds())} medical tasks" in notice and "CC0 1.0" in notice


def test_the_papers_form_is_read(tmp_path: Path) -> None:
    rows = [PUBLISHED, PUBLISHED | {"instruction": "b b b", "difficulty": "5"}, GOOD]
    path = tmp_path / "med_seed.json"
    path.write_text(json.dumps(rows, indent=4))
    found = read_seeds([path])
    assert found[0].task == InstructionTask(
        "Genetics", "Student (Medicine)", "Open Q&A", 1, "Explain what a gene is."
    )
    assert [seed.task.difficulty for seed in found] == [1, 5, 2]
    assert [seed.id for seed in found] == [f"med_seed.json, entry {n}" for n in (1, 2, 3)]
    assert found[2].task.asked == "Write a note.\n\nPulse 80."


BAD = {
    "not JSON": '{"topic": "Cardiology", ',
    "a list": "[1, 2]",
    "unknown field": GOOD | {"answer": "x"},
    "no topic": {k: v for k, v in GOOD.items() if k != "topic"},
    "a type on two lines": GOOD | {"type": f"a\n{SECRET}"},
    "an empty view": GOOD | {"view": "  "},
    "a view that is too long": GOOD | {"view": "x" * 81},
    "difficulty 0": GOOD | {"difficulty": 0},
    "difficulty 6": GOOD | {"difficulty": "6"},
    "difficulty true": GOOD | {"difficulty": True},
    "difficulty 2.0": GOOD | {"difficulty": 2.0},
    "no instruction": GOOD | {"instruction": " "},
    "an instruction that is not text": GOOD | {"instruction": 5},
    "half a character": GOOD | {"instruction": "a \ud800"},
    "an input that is not text": GOOD | {"input": [SECRET]},
    "too long": GOOD | {"input": "x" * 8001},
    "id": GOOD | {"id": 7},
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_row_is_named_by_file_and_line(what: str, tmp_path: Path) -> None:
    path = written(tmp_path / "seeds.jsonl", *numbered(3), "", BAD[what])
    with pytest.raises(InvalidFile) as refused:
        read_seeds([path])
    assert refused.value.message.startswith(f"{path}, line 5: ")
    assert SECRET not in str(refused.value)


def test_a_bad_entry_of_a_list_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "seeds.json"
    path.write_text(json.dumps([*numbered(3), {"topic": SECRET}]))
    with pytest.raises(InvalidFile, match=r"seeds\.json, entry 4: "):
        read_seeds([path])


def test_twins_and_too_few_are_refused(tmp_path: Path) -> None:
    few = written(tmp_path / "few.jsonl", *numbered(2))
    with pytest.raises(Refused, match="there are 2 seed tasks"):
        read_seeds([few])
    twins = written(tmp_path / "twins.jsonl", *numbered(3), GOOD, GOOD)
    with pytest.raises(InvalidFile, match=r"line 4 and twins\.jsonl, line 5 have the same text"):
        read_seeds([twins])
    ids = [GOOD | {"id": "a", "instruction": f"Write {n}."} for n in range(3)]
    with pytest.raises(InvalidFile, match="the same id"):
        read_seeds([written(tmp_path / "ids.jsonl", *ids)])


def test_several_files_count_together(tmp_path: Path) -> None:
    rows = numbered(4)
    paths = [written(tmp_path / f"{n}.jsonl", *rows[n : n + 2]) for n in (0, 2)]
    found = read_seeds(paths)
    assert len(found) == 4
    assert room.digest_of(found) != room.digest_of(found[:3])


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EdgemedError, match="cannot read"):
        read_seeds([tmp_path / "none.jsonl"])
