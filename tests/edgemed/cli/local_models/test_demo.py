"""`edgemed demo`, whole: two embedded models merged, examined, and one summary streamed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edgemed.cli.local_models import demo
from edgemed.cli.main import main
from edgemed.cli.terminal.bars import bar

HEADING = "DEMONSTRATION, NOT FOR PATIENTS"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.CompletedProcess[str]"]:
    """One run of the command with few questions, in a process of its own."""
    folder = tmp_path_factory.mktemp("demo")
    yield subprocess.run(
        [sys.executable, "-m", "edgemed.cli.main", "demo", "--items", "3"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUTF8": "1"},
        cwd=folder,
        check=False,
    )


def test_it_says_first_and_last_that_it_is_no_tool_for_patients(
    shown: "subprocess.CompletedProcess[str]",
) -> None:
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == HEADING
    assert lines[-1].startswith(HEADING)


def test_it_shows_three_models_on_three_axes(shown: "subprocess.CompletedProcess[str]") -> None:
    for name in ("clinical", "instruct", "merged"):
        row = next(x for x in shown.stdout.splitlines() if re.match(rf"{name} +[█·]", x))
        means = [float(x) for x in re.findall(r"[01]\.\d\d", row)]
        assert len(means) == 3
        assert all(0 <= mean <= 1 for mean in means)


def test_it_streams_a_summary_and_names_commands_that_exist(
    shown: "subprocess.CompletedProcess[str]",
) -> None:
    summary = shown.stdout.split("summary:\n")[1].split("F1 of its facts")[0]
    assert len(summary.split()) > 5
    named = re.findall(r"^  edgemed (\w+)", shown.stdout, re.MULTILINE)
    assert {"inspect", "merge", "doctor", "summarize"} <= set(named)
    for command in named:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0


def test_it_leaves_nothing_behind(
    shown: "subprocess.CompletedProcess[str]", tmp_path_factory: pytest.TempPathFactory
) -> None:
    left = list(tmp_path_factory.getbasetemp().rglob("edgemed-demo-*"))
    assert left == []


def test_no_questions_are_a_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--items", "0"]) == 2
    assert "--items is below 1" in capsys.readouterr().err


def test_a_bar_is_as_full_as_its_mean() -> None:
    assert bar(0.0, demo.BAR) == "·" * demo.BAR
    assert bar(1.0, demo.BAR) == "█" * demo.BAR
    assert bar(0.5, demo.BAR).count("█") == demo.BAR // 2
