"""`edgemed judge`: figures of a small run, the warning on families, and what is refused at once."""

import json
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from tests.edgemed.evals import task_files as files

MODEL = str(path_of("instruct"))
TASK = "mts-dialog"


@pytest.fixture
def call(tmp_path: Path) -> list[str]:
    """A run on two items, with short answers."""
    rows = [(str(n), "ALLERGY", "Penicillin.", f"{files.DIALOGUE} {n}") for n in range(2)]
    files.put_csv(tmp_path / files.MTS, [files.MTS_HEAD, *rows])
    given = ["--tasks", TASK, "--data", str(tmp_path), "-o", str(tmp_path / "r")]
    return ["judge", MODEL, "--by", MODEL, *given, "--max-tokens", "8", "--threads", "1"]


def test_four_axes_with_intervals_and_the_familys_warning(
    call: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call) == 0
    told = capsys.readouterr()
    assert all(axis in told.out for axis in ("fluency", "relevance", "completeness", "proficiency"))
    assert "of 5" in told.out and "only 2 items" in told.out
    assert "replies without a verdict: 0 of 2 items" in told.out
    assert "it is the judged model itself" in told.err and "favours its kind" in told.out
    (kept,) = (tmp_path / "r").glob("*.jsonl")
    assert kept.stat().st_mode & 0o777 == 0o600 and "enicillin" not in kept.read_text()
    assert main(call) == 0 and capsys.readouterr().out == told.out


def test_a_pair_as_json(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*call, "--versus", MODEL, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["judged"]) == len(told["warnings"]) == 2
    (task,) = told["tasks"]
    found = {f["measure"]: f for f in task["figures"]}
    lost = found["unparsable"]["value"]
    # a model against itself: no order can prefer it, so what is said cancels out
    assert lost == 1 or found["win"]["value"] == 0.5


def test_another_length_is_another_question(
    call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call) == 0
    call[call.index("8")] = "9"
    assert main(call) == 3
    assert "different questions" in capsys.readouterr().err


def test_what_cannot_be_judged_is_refused_at_once(
    call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    call[call.index(TASK)] = "ifeval"
    assert main(call) == 2
    assert "verified by a program" in capsys.readouterr().err
