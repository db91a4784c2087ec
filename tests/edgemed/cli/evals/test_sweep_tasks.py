"""`edgemed sweep --tasks`: a small real sweep, its files, and what is refused at once."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.evals import sweep_tasks
from edgemed.cli.evals.sweep import configure
from edgemed.cli.main import main
from edgemed.evals.sweep_file import read_sweep, sweeps_folder
from edgemed.evals.sweeping.choosing import ChosenPoint
from edgemed.evals.sweeping.search import point_of
from edgemed.evals.sweeping.sweep import Way
from edgemed.evals.sweeping.task_sweep import Round, Swept, TaskSweep
from edgemed.evals.tasks.task import read_task
from edgemed.local_models.loading import Options
from edgemed.merging.recipe.recipe_file import read_recipe
from tests.edgemed.evals import task_files as files

MODELS = [str(path_of("clinical")), str(path_of("instruct"))]
KNOWLEDGE = ["--tasks", "mmlu-medical", "--force-knowledge"]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    folder = tmp_path / "data"
    for split in ("development", "test"):
        for number, name in enumerate(read_task(f"mmlu-medical:{split}").split.files):
            row = [f"Which sign is seen in case {number} of {split}?", "fever", "cough", "rash"]
            files.put_csv(folder / name, [[*row, "pain", "ABCD"[number % 4]]])
    return folder


def words(data: Path, *more: str) -> list[str]:
    return ["sweep", *MODELS, "--data", str(data), "--threads", "1", "--t", "0", "0.5", "1", *more]


def test_a_small_sweep_prints_writes_and_goes_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "out", tmp_path / "page.html"
    call = words(data, *KNOWLEDGE, "-o", str(out), "--report", str(page), "--limit", "4")
    assert main(call) == 0
    told = capsys.readouterr()
    assert "mmlu-medical letter" in told.out and "t, development (4 of mmlu-medical)" in told.out
    assert "round 1: 3 points" in told.err and str(out) in told.err
    assert "perplexity on plain English" in told.out
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert "--force-knowledge" in page.read_text("utf-8")  # without it the sweep is refused
    assert page.stat().st_mode & 0o777 == 0o600
    assert "case 1" not in page.read_text("utf-8")
    assert (out / "linear-0.5" / "mmlu-medical.development.jsonl").is_file()
    (curve,) = read_sweep(next(sweeps_folder().glob("*.tasks.jsonl")))
    assert [point.t for point in curve.points] == [0, 0.5, 1]
    assert main([*call, "--json"]) == 0
    again = capsys.readouterr()
    assert "parents: known" in again.err
    data_again = json.loads(again.out)
    assert data_again["rounds"] == [{"items": {"mmlu-medical": 4}, "t": [0, 0.5, 1]} | {
        "chosen": data_again["chosen"] and data_again["chosen"]["t"]}]  # fmt: skip
    assert json.loads((out / "sweep.json").read_text("utf-8"))["test"] == data_again["test"]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ([], 2, "a sweep needs cases or tasks"),
        (["--tasks", "mmlu-medical"], 2, "without a task of the axis clinical and instructions"),
        (["--tasks", "mts-dialog"], 2, "without a task of the axis instructions"),
        ([*KNOWLEDGE, "--cases", "c.jsonl"], 2, "needs cases or tasks"),
        ([*KNOWLEDGE, "--max-tokens", "9"], 2, "--max-tokens is for --cases"),
        (["--tasks", "perplexity"], 2, "takes tasks with answers"),
        (["--tasks", "mts-dialog:validation,ifeval"], 2, "takes each task's own splits"),
        ([*KNOWLEDGE, "--budget", "soon"], 2, "not a time such as"),
        ([*KNOWLEDGE, "--t", "0", "0.5"], 2, "needs t = 0, t = 1 and one between"),
        ([*KNOWLEDGE, "--context", "24"], 3, "_test.csv, line 1"),
        (["--tasks", "meqsum,ifeval"], 3, "needs meqsum/"),
        (["--cases", "c.jsonl"], 2, "--data is for --tasks"),
        ([*KNOWLEDGE, "--shots-pool", "2"], 2, "no number of examples is given"),
        ([*KNOWLEDGE, "--beside", "no.gguf"], 3, "no.gguf"),
        ([*KNOWLEDGE, "--among", "no.gguf"], 3, "no.gguf"),
        ([*KNOWLEDGE, "--among", MODELS[0], "--beside", MODELS[0]], 2, "are called clinical.gguf"),
        ([*KNOWLEDGE, "--search", "none"], 2, "--search"),
        ([*KNOWLEDGE, "--keep-text", "2"], 2, "--keep-text is for a .html page"),
        ([*KNOWLEDGE, "--keep-text", "2", "--report", "x.json"], 2, "is for a .html page"),
        (["--tasks", "ifeval", "--force-knowledge", "--shots", "2"], 3, "needs ifeval/"),
        ([*KNOWLEDGE, "--report", "note.txt"], 2, "does not end in .html or .json"),
    ],
)
def test_what_cannot_be_done_is_refused(
    data: Path, tmp_path: Path, more: list[str], code: int, says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    try:
        ended = main(words(data, "-o", str(tmp_path / "o"), *more))
    except SystemExit as error:
        ended = int(str(error.code))
    assert ended == code and says in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--budget", "1h"], ["--force-broken"], ["--search"]])
def test_an_option_that_would_do_nothing_is_refused(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *MODELS, "--cases", "c.jsonl", *option]) == 2
    assert f"{option[0]} is for --tasks" in capsys.readouterr().err


def test_examples_rows_beside_and_a_change_by_chance_are_part_of_the_plan(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[TaskSweep] = []

    def caught(plan: TaskSweep, *rest: object) -> Iterator[Swept]:
        found.append(plan)
        plan.folder.mkdir()
        yield Swept()

    monkeypatch.setattr(sweep_tasks, "sweep_tasks", caught)
    page = tmp_path / "page.html"
    more = ["--shots", "1", "--beside", MODELS[1], "--control", "3", "--report", str(page)]
    more += ["--among", MODELS[0], "--search"]
    assert main(words(data, *KNOWLEDGE, "-o", str(tmp_path / "out"), *more)) == 0
    (plan,) = found
    (section,) = plan.sections
    items = [*section.test_items, *section.development_items]
    assert items and all(len(item.shots) == 1 for item in items)
    assert section.development is not None
    assert (
        section.test.table["shots"] == section.development.table["shots"] == [1, "chance", None, 0]
    )
    assert [row.name for row in plan.beside] == [Path(MODELS[1]).name] and plan.control == 3
    assert [row.name for row in plan.among] == [Path(MODELS[0]).name] and plan.search == 32
    again = page.read_text("utf-8")
    assert all(
        part in again
        for part in ("--shots 1", f"--beside {MODELS[1]}", "--control 3", "--search 32")
    )


def test_a_merge_by_group_is_written_as_a_recipe_that_makes_it_again(tmp_path: Path) -> None:
    way = Way(Path(MODELS[0]), Path(MODELS[1]), "slerp", {"out_type": "Q8_0", "tokenizer": "B"})
    point = point_of(way, [0.1, 0.2, 0.3, 0.4, 0.5])
    choice = ChosenPoint(point, "clinical", 1.0, (), (), {})
    plan = TaskSweep(way, (0.0, 0.5, 1.0), (), Options(), tmp_path, None, 0)
    made = sweep_tasks.command_to_make(plan, Swept(rounds=[Round({}, (point,), choice)]))
    assert made == f"edgemed merge {tmp_path / 'recipe.yml'} -o merged.gguf"
    assert read_recipe(tmp_path / "recipe.yml") == replace(point.recipe, tokenizer=MODELS[1])


SAID_ELSEWHERE = {
    *("models", "tasks", "t", "budget"),  # always repeated
    *("help", "cases", "max_tokens", "out", "report", "json"),  # they change no figure
}


def test_the_command_that_repeats_a_sweep_names_every_option_that_changes_it() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    known = {*sweep_tasks.REPEATED, *sweep_tasks.SEVERAL, *sweep_tasks.FLAGS, *SAID_ELSEWHERE}
    assert {action.dest for action in parser._actions} == known
    given = ["a.gguf", "b.gguf", "--tasks", "ifeval", "--adapter", "x.gguf:0.5", "--among", "r.yml"]
    args = parser.parse_args([*given, "--chat-template", "c.jinja", "--search", "16", "--t", "0"])
    again = parser.parse_args(sweep_tasks.command_again(args)[1:])
    assert vars(again) == vars(args)
