"""The command prints findings as text or data, and fails only when asked to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgemed.cli.main import main

NOTE = (
    "Brian takes lisinopril 20 mg daily for his blood pressure. He has no fever. "
    "Allergic to penicillin.\n"
)
DRAFT = "Lisinopril 40 mg daily. No fever."


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "note.txt").write_text(NOTE, "utf-8")
    (tmp_path / "draft.txt").write_text(DRAFT, "utf-8")
    return [str(tmp_path / "note.txt"), str(tmp_path / "draft.txt")]


def test_flags_and_omissions_are_printed(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-draft", *files]) == 0
    out = capsys.readouterr().out
    assert "lisinopril 40 mg in the draft; the note has 20 mg" in out
    assert "major, allergy not in the draft: Allergic to penicillin." in out
    last = out.splitlines()[-2:]
    assert last == ["vital check:", "    allergy, not in the draft: penicillin"]


def test_json_is_data_with_offsets(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-draft", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (flag,) = found["claims"][0]["flags"]
    start, end = flag["draft"]
    assert DRAFT[start:end] == "40 mg"
    assert [NOTE[a:b] for a, b in flag["source"]] == ["20 mg"]
    (line,) = found["vital"]
    assert (line["kind"], line["lack"]) == ("allergy", "not in the draft")
    assert [NOTE[a:b] for a, b in line["source"]] == ["penicillin"] and line["draft"] == []


@pytest.mark.parametrize(("severity", "code"), [("major", 3), ("minor", 3)])
def test_fail_on_makes_a_flag_a_refusal(files: list[str], severity: str, code: int) -> None:
    assert main(["check-draft", *files, "--fail-on", severity]) == code


def test_what_the_output_cannot_encode_is_escaped_and_stops_nothing(tmp_path: Path) -> None:
    note, draft = tmp_path / "note.txt", tmp_path / "draft.txt"
    note.write_text("SpO2 ≥ 92 % on air.", "utf-8")
    draft.write_text("SpO2 ≥ 95 % on air.", "utf-8")
    command = [sys.executable, "-m", "edgemed.cli.main", "check-draft", str(note), str(draft)]
    env = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, env=env)
    assert done.returncode == 0, done.stderr
    assert rb"SpO2 \u2265 95 % on air." in done.stdout


def test_a_draft_that_is_not_english_does_not_pass_as_checked(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "draft.txt").write_text("Er ist nicht krank und hat keine Schmerzen.", "utf-8")
    assert main(["check-draft", *files, "--fail-on", "major"]) == 3
    assert "major, not checked: the checks only know English" in capsys.readouterr().out


def test_a_clean_draft_passes_whatever_is_asked(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_text(NOTE, "utf-8")
    assert main(["check-draft", *files, "--fail-on", "minor"]) == 0


def test_an_allergy_that_is_left_out_fails_as_a_flag_does(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_out = "Brian takes lisinopril 20 mg daily for his blood pressure. He has no fever."
    (tmp_path / "draft.txt").write_text(left_out, "utf-8")
    assert main(["check-draft", *files, "--fail-on", "major"]) == 3
    assert "findings: 1 major (1 left out)\n" in capsys.readouterr().out
    assert main(["check-draft", *files, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(o["kind"], o["name"]) for o in found["omissions"]] == [("allergy", "penicillin")]
    assert found["counts"]["major"] == found["counts"]["major_left_out"] == 1


def test_a_missing_draft_is_an_error_without_a_name(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-draft", files[0], "/nonexistent/Smith_John.txt"]) == 1
    assert "Smith" not in capsys.readouterr().err
