"""`edgemed instructions`, whole: files made, stopped, gone on with; refusals before any work."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from edgemed_models.base import Message, Request
from edgemed_models.fake import ScriptedModel
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.instructions.seeds import own_seeds
from edgemed.instructions.tries import Tries, Try
from edgemed.training.examples import read_examples
from tests.edgemed.commands import scripted
from tests.edgemed.instructions.test_make import Stopped
from tests.edgemed.instructions.writer import pieces, script, writer

MAKE = ("instructions", "make", "-o", "t.jsonl", "--count")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `make` with a scripted model in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str, model: ScriptedModel | None = None, count: int = 4) -> int:
        with monkeypatch.context() as patched:
            scripted(patched, model or writer(), "training.instructions_make")
            return main([*MAKE, str(count), *words])

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_tasks_a_card_and_a_list_are_written_and_adapt_reads_them(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make("--alpaca", "t.json", "--seed", "7") == 0
    assert sorted(files(tmp_path)) == ["t.json", "t.jsonl", "t.jsonl.json"]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert len(rows) == 4 and rows[0]["seeds"][0] in {seed.id for seed in own_seeds()}
    listed = json.loads((tmp_path / "t.json").read_text())
    keys = ("instruction", "input", "output")
    assert listed == [{name: row[name] for name in keys} for row in rows]
    for name in ("t.jsonl", "t.json"):
        for example, row in zip(read_examples(tmp_path / name), rows, strict=True):
            asked = f"{row['instruction']}\n\n{row['input']}".strip()
            assert example.messages == (Message("user", asked),)
            assert example.answer == row["output"]
    card = json.loads((tmp_path / "t.jsonl.json").read_text())
    assert card["tasks"] == 4 and card["run"]["seed"] == 7 and card["tries"]["kept"] == 4
    assert not any(row["instruction"] in json.dumps(card) for row in rows)
    assert "t.jsonl: tasks: 4, tries: 4" in capsys.readouterr().err


def test_the_papers_form_of_seeds_is_taken(make: Callable[..., int], tmp_path: Path) -> None:
    rows = [
        {"topic": "A", "view": "Student", "type": "Open Q&A", "instruction": f"Explain gene {n}.",
         "input": "<noinput>", "difficulty": str(n)} for n in (1, 2, 3)
    ]  # fmt: skip
    (tmp_path / "med_seed.json").write_text(json.dumps(rows))
    assert make("--seeds", "med_seed.json") == 0
    made = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert {row["type"] for row in made} == {"Open Q&A"} and not any(row["input"] for row in made)
    assert set(made[0]["seeds"]) == {f"med_seed.json, entry {n}" for n in (1, 2, 3)}


def test_the_same_seed_gives_the_same_files_and_another_one_others(
    make: Callable[..., int], tmp_path: Path
) -> None:
    assert make() == 0
    first = files(tmp_path)
    assert make("--force") == 0
    assert files(tmp_path) == first
    assert make("--force", "--seed", "1") == 0
    assert files(tmp_path)["t.jsonl"] != first["t.jsonl"]


def test_a_stopped_run_says_so_and_goes_on(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make() == 0
    whole = files(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    assert make(model=Stopped(script, at=6)) == 130
    assert "stopped: tasks: 2, tries: 2; --resume continues" in capsys.readouterr().err
    assert list(files(tmp_path)) == ["t.jsonl.progress"]
    assert make() == 3
    said = capsys.readouterr().err
    assert "--resume" in said and "--finish" in said and "--force" in said
    assert make("--resume", "--temperature", "0.1") == 3
    assert "was begun with other temperature" in capsys.readouterr().err
    assert make("--resume") == 0
    assert files(tmp_path) == whole


def test_a_stopped_run_is_finished_with_what_there_is(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make("--finish") == 3
    assert "there is no run to continue" in capsys.readouterr().err
    assert make(model=Stopped(script, at=1)) == 130
    assert make("--finish") == 3
    assert "no task yet" in capsys.readouterr().err
    assert make("--resume", model=Stopped(script, at=6)) == 130
    assert make("--finish") == 0
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "t.jsonl.progress").exists()


def test_outputs_that_exist_are_left_alone(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, words in (("t.jsonl", ()), ("t.jsonl.json", ()), ("a.json", ("--alpaca", "a.json"))):
        (tmp_path / name).write_text("mine")
        assert make(*words) == 3
        assert f"{name} exists already" in capsys.readouterr().err
        assert files(tmp_path) == {name: b"mine"}
        assert make(*words, "--force") == 0
        for path in tmp_path.iterdir():
            path.unlink()


def test_an_output_that_came_in_between_is_not_replaced_and_no_task_is_lost(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(model=Stopped(script, at=6)) == 130
    (tmp_path / "t.jsonl").write_text("mine")
    assert make("--resume") == 3
    assert "exists already with other content" in capsys.readouterr().err
    (tmp_path / "t.jsonl").unlink()
    assert make("--resume") == 0


@pytest.mark.parametrize(
    "words, code, said",
    [
        (("-o", "t.txt"), 2, "does not end in .jsonl"),
        (("--alpaca", "t.txt"), 2, "does not end in .json"),
        (("--alpaca", "t.jsonl.json"), 2, "is the name of the card"),
        (("--temperature", "-1"), 2, "--temperature is below 0"),
        (("--seeds", "none.jsonl"), 1, "cannot read none.jsonl"),
        (("--seeds", "t.jsonl"), 3, "is one of the inputs"),
        (("-o", "none/t.jsonl"), 3, "there is no folder none"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(
    words: tuple[str, ...],
    code: int,
    said: str,
    make: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "t.jsonl" in words and "--seeds" in words:
        (tmp_path / "t.jsonl").write_bytes(
            b"\n".join(
                json.dumps({"topic": "A", "view": "B", "type": "C", "difficulty": 1,
                            "instruction": f"Do {n}."}).encode() for n in range(3)
            )
        )  # fmt: skip
    before = files(tmp_path)
    model = writer()
    assert make(*words, model=model) == code
    assert said in capsys.readouterr().err
    assert not model.requests and files(tmp_path) == before


def test_a_bad_seed_is_named_by_file_and_line_before_any_work(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"topic": "A", "view": "B", "type": "C", "difficulty": 1, "instruction": "Do."}
    (tmp_path / "s.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"x": 1}))
    model = writer()
    assert make("--seeds", "s.jsonl", model=model) == 3
    assert "s.jsonl, line 2: unknown field `x`" in capsys.readouterr().err
    assert not model.requests


def test_a_model_that_never_gives_a_task_is_given_up(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ScriptedModel(lambda request: pieces("I would rather not."))
    assert make("--tries", "9", model=model) == 1
    said = capsys.readouterr().err
    assert "9 tries in a row gave no new task: task without its form (9)" in said
    assert len(model.requests) == 9 and list(files(tmp_path)) == ["t.jsonl.progress"]


def test_contradictions_are_counted(
    make: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert make("--check") == 0
    assert "     0  answer contradicts its input" in capsys.readouterr().err


def test_the_engine_goes_on_to_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real engine, and a small model that ends a task now and then at this temperature."""
    monkeypatch.chdir(tmp_path)
    seed = {"topic": "Fever", "view": "Nurse", "type": "Writing", "difficulty": 1}
    rows = [seed | {"instruction": f"Write about {what}."} for what in ("fever", "cough", "pain")]
    (tmp_path / "seeds.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = [*MAKE, "1", "--seeds", "seeds.jsonl", "--model", str(path_of("instruct"))]
    words += ["--threads", "1", "--temperature", "2", "--task-tokens", "200"]
    assert main([*words, "--answer-tokens", "200"]) == 0
    whole = files(tmp_path)
    add = Tries.add

    def stopped(tries: Tries, tried: Try) -> None:
        add(tries, tried)
        raise KeyboardInterrupt

    for path in tmp_path.glob("t.*"):
        path.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(Tries, "add", stopped)
        assert main([*words, "--answer-tokens", "200"]) == 130
    assert list(tmp_path.glob("t.*")) == [tmp_path / "t.jsonl.progress"]
    assert main([*words, "--answer-tokens", "200", "--resume"]) == 0
    assert files(tmp_path) == whole


LIMITED = """
import sys
import pytest
from edgemed.cli.main import main
from edgemed.instructions.tries import Tries, Try
from tests.edgemed.commands import scripted
from tests.edgemed.instructions.writer import writer
scripted(pytest.MonkeyPatch(), writer(), "training.instructions_make")
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_a_full_disk_loses_no_task(make: Callable[..., int], tmp_path: Path) -> None:
    """Files may grow to a limit: the write that passes it fails as on a full disk."""
    assert make(count=40) == 0
    whole = files(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    command = [sys.executable, "-c", LIMITED, *MAKE, "40"]
    root = Path(__file__).parents[3]

    def run(limit: int, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*command, *words],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )

    done = run(9000)
    assert done.returncode == 1 and "--resume" in done.stderr, done.stderr
    left = (tmp_path / "t.jsonl.progress").read_bytes()
    assert left.endswith(b"\n") and 5 < left.count(b"\n") < 40
    done = run(len(whole["t.jsonl"]) - 1, "--resume")
    assert done.returncode == 1 and list(files(tmp_path)) == ["t.jsonl.progress"]
    assert run(1 << 30, "--resume").returncode == 0
    assert files(tmp_path) == whole


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")
def test_kills_at_random_moments_lose_nothing() -> None:
    seed = str(os.getpid())
    command = [sys.executable, "-m", "tests.bench.kill_instructions", "8", "--seed", seed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)


def test_the_report_shows_tables_and_json(
    make: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make(count=6) == 0
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    (tmp_path / "test.csv").write_text(f"ID,text\n1,{rows[2]['output']}\n")
    words = ["instructions", "report", "t.jsonl", "--test-set", "test.csv"]
    capsys.readouterr()
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "tries of the run" in said and "█" in said
    assert "signs of a poor task" in said and "t.jsonl, line 3" in said
    assert main([*words, "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["tasks"] == 6 and table["made"]["tries"]["kept"] == 6
    assert table["contamination"]["tasks"] == [2]
    assert table["contamination"]["found"]["output"] == 1
    assert sum(table["strata"]["type"].values()) == 6
    # The list without a card has no tries, and no strata.
    (tmp_path / "t.json").write_text(json.dumps([{"instruction": "a b", "output": "c"}]))
    assert main(["instructions", "report", "t.json", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["made"] is None and alone["strata"]["type"] == {}


def test_a_request_never_holds_more_than_fits(make: Callable[..., int]) -> None:
    model = writer()
    assert make(model=model) == 0
    assert {request.max_tokens for request in model.requests} == {320}
    assert isinstance(model.requests[0], Request)
