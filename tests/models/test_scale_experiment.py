"""The experiment on the scale models: its grid, what it knows already, and its paired figures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.scale_scripts import imported

AXES = ("clinical", "instruction", "composite")


@pytest.fixture
def scripts() -> Iterator[dict[str, Any]]:
    with imported("experiment", "json_lines", "retention") as found:
        yield found


def line(t: float, seed: int, worths: list[int], split: str = "test") -> dict[str, Any]:
    """One file's worths, the same on every axis."""
    label = {"method": "linear" if 0 < t < 1 else "", "type": "Q8_0", "t": t, "seed": seed}
    return label | {"split": split, "axes": dict.fromkeys(AXES, worths)}


def test_the_grid_has_every_file_once_and_parents_once_a_type_and_seed(
    scripts: dict[str, Any],
) -> None:
    experiment = scripts["experiment"]
    found = list(experiment.cells(experiment.METHODS, experiment.TYPES, [1, 2, 3]))
    assert len(found) == len(set(found)) == 3 * 4 * (3 * 9 + 2)
    assert sum(not cell.method for cell in found) == 3 * 4 * 2


def test_of_two_lines_on_one_file_the_later_counts(scripts: dict[str, Any], tmp_path: Path) -> None:
    lines = [line(0.5, 1, [0]), line(0.5, 1, [100]), line(0.5, 2, [50])]
    (tmp_path / "worths.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    found = scripts["json_lines"].known(tmp_path / "worths.jsonl")
    assert [x["axes"]["clinical"] for x in found] == [[100], [50]]


def test_a_line_torn_by_a_kill_is_measured_again(scripts: dict[str, Any], tmp_path: Path) -> None:
    lines, path = scripts["json_lines"], tmp_path / "worths.jsonl"
    for torn in ('{"type":"Q8_0","t":0.', ""):
        path.write_text(json.dumps(line(0.5, 1, [100])) + "\n" + torn)
        assert [x["seed"] for x in lines.known(path)] == [1]
        lines.add(path, line(0.5, 2, [50]))
        assert [x["seed"] for x in lines.known(path)] == [1, 2]


def test_what_is_not_noted_in_both_files_is_done_again(
    scripts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = scripts["experiment"]
    terms = experiment.Terms(tmp_path, 2, "dev")
    jobs = [experiment.Job({"model": n} | terms.label, AXES) for n in ("whole", "half", "none")]
    experiment.note(tmp_path, jobs[0].label, {axis: [1.0, 0.5] for axis in AXES})
    scripts["json_lines"].add(tmp_path / "worths.jsonl", jobs[1].label | {"axes": {}})
    asked: list[str] = []
    monkeypatch.setattr(experiment, "ProcessPoolExecutor", lambda *_: Pool(asked))
    monkeypatch.setattr(experiment, "as_completed", lambda running: ())
    experiment.carry_out(jobs, terms, 1)
    assert asked == ["half", "none"]


class Pool:
    """Takes jobs and does none."""

    def __init__(self, asked: list[str]) -> None:
        self.asked = asked

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, _: object, job: Any, __: object) -> object:
        self.asked.append(job.label["model"])
        return object()


def test_shares_and_differences_are_those_of_the_same_questions(scripts: dict[str, Any]) -> None:
    retention = scripts["retention"]
    lines = [
        line(t, seed, worths * 20)
        for seed in (1, 2)
        for t, worths in ((0.0, [100, 100, 0, 0]), (0.5, [100, 50, 0, 0]), (1.0, [0, 0, 100, 0]))
    ]
    found = retention.files(lines, "Q8_0", "linear")
    share = retention.paired(found.merged[0.5], found.clinical, "clinical", retention.ratio)
    assert share.mean == pytest.approx(0.75)
    assert 0.5 <= share.low <= 0.75 <= share.high <= 1.0
    more = retention.paired(found.merged[0.5], found.instruct, "composite", retention.more)
    assert more.mean == pytest.approx(0.125)
    same = retention.paired(found.clinical, found.clinical, "composite", retention.more)
    assert same == (0.0, 0.0, 0.0)


def test_a_seed_that_was_not_scored_at_every_t_is_left_out(scripts: dict[str, Any]) -> None:
    lines = [line(t, 1, [100]) for t in (0.0, 0.5, 1.0)] + [line(0.5, 2, [0])]
    found = scripts["retention"].files(lines, "Q8_0", "linear")
    assert found.merged[0.5]["clinical"] == [[1.0]]


def test_t_is_chosen_on_the_dev_split_alone(scripts: dict[str, Any], tmp_path: Path) -> None:
    dev = [line(t, 1, [w], "dev") for t, w in ((0.0, 80), (0.2, 20), (0.7, 70), (1.0, 80))]
    test = [line(t, 1, [w]) for t, w in ((0.0, 80), (0.2, 80), (0.7, 10), (1.0, 80))]
    (tmp_path / "worths.jsonl").write_text("".join(json.dumps(x) + "\n" for x in dev + test))
    assert "merged at t = 0.7" in scripts["retention"].comparison(tmp_path, "Q8_0", "linear")
