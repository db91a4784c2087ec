"""The demonstration model on the command line: merged when first asked for, always headed."""

import json
from pathlib import Path

import pytest

from edgemed.cli.main import main
from edgemed.demonstration import HEADING, merged_model, merged_path
from tests.edgemed.commands import NOTE

ARGUMENTS = ["--template", "problem-list", "--max-tokens", "40", "--no-record", "--demo"]


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text(NOTE)
    return path


def test_it_is_merged_once_and_then_found() -> None:
    assert not merged_path().exists()
    first = merged_model().stat().st_mtime_ns
    assert merged_model().stat().st_mtime_ns == first


def test_a_draft_of_it_is_headed_whatever_comes_out(
    note: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(note), *ARGUMENTS]) in (0, 1)
    assert capfd.readouterr().out.startswith(HEADING)


def test_it_drafts_by_any_template_without_further_options(
    note: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["summarize", str(note), "--template", "soap", "--demo", "--no-record"]) in (0, 1)
    out, err = capfd.readouterr()
    assert len(out) > len(HEADING) + 20 and "the model has room for no more" in err


def test_its_json_carries_the_heading(note: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["summarize", str(note), *ARGUMENTS, "--json"])
    assert json.loads(capfd.readouterr().out)["heading"] == HEADING


def test_it_brings_its_own_model(note: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["summarize", str(note), *ARGUMENTS, "--model", "x.gguf"]) == 2
    assert "--demo brings its own model" in capfd.readouterr().err
