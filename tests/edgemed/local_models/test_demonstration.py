"""The demonstration model on the command line: merged when first asked for, always headed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.cli.main import main
from edgemed.clinic import samples
from edgemed.local_models.demonstration import (
    HEADING,
    LEARNED,
    UNLEARNED,
    is_demonstration,
)
from edgemed.merging.demo_model import merged_model, merged_path
from tests.edgemed.commands import NOTE
from tests.edgemed.merge_pairs import weights, write_pair_member

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


def test_several_first_uses_at_once_make_one_model_for_all() -> None:
    code = "from edgemed.merging.demo_model import merged_model; print(merged_model())"
    every = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = {process.communicate(timeout=300)[0].strip() for process in every}
    assert said == {str(merged_path())}


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
    assert len(out) > len(HEADING) + 20 and "the model has no room for more" in err


def test_of_its_sample_note_it_makes_the_summary(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sample.txt").write_text(samples.note(), encoding="utf-8")
    asked = [str(tmp_path / "sample.txt"), "--template", LEARNED, "--demo", "--no-record"]
    assert main(["summarize", *asked]) == 0
    out, err = capfd.readouterr()
    assert out.split("\n")[2:9] == [
        "admitted for heart failure",
        "had echocardiogram",
        "had ultrasound of the legs",
        "discharged on furosemide 40 mg orally twice daily",
        "discharged on apixaban 5 mg orally twice daily",
        "discharged on lisinopril 10 mg orally once daily",
        "follow-up with cardiology in 2 weeks",
    ]
    assert UNLEARNED not in err


def test_of_another_template_it_says_that_it_has_not_learned_it(
    note: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main(["summarize", str(note), *ARGUMENTS])
    assert UNLEARNED in capfd.readouterr().err


def test_its_json_carries_the_heading(note: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["summarize", str(note), *ARGUMENTS, "--json"])
    assert json.loads(capfd.readouterr().out)["heading"] == HEADING


def test_it_brings_its_own_model(note: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["summarize", str(note), *ARGUMENTS, "--model", "x.gguf"]) == 2
    assert "--demo uses its own model and cannot be combined with --model" in capfd.readouterr().err


def test_what_is_made_of_it_is_a_demonstration_under_any_name(
    tmp_path: Path, note: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    renamed = tmp_path / "real.gguf"
    renamed.write_bytes(merged_model().read_bytes())
    assert is_demonstration(renamed)
    assert is_demonstration(path_of("base"))
    assert not is_demonstration(tmp_path / "none.gguf")
    assert not is_demonstration(note)
    assert not is_demonstration(write_pair_member(tmp_path / "a.gguf", weights(1)))
    model = ["--model", str(renamed)]
    assert main(["summarize", str(note), *ARGUMENTS[:-1], *model]) in (0, 1)
    assert capfd.readouterr().out.startswith(HEADING)
