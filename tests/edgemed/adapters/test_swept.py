"""Sweeps over models with adapters, in them and beside them."""

import json
from pathlib import Path

import pytest
from edgemed_models.scale import path_of

from edgemed.adapters.naming import parent_of
from edgemed.cli.evals.sweep import short
from edgemed.cli.main import main
from edgemed.evals.sweep_file import sweeps_folder
from tests.edgemed.adapters.test_unfolded import peft


@pytest.mark.parametrize(
    "parent, name",
    [
        ("a/base.gguf", "base"),
        ("a/base.gguf+b/style.GGUF:0.5", "base+style-0.5"),
        ("a/Qwen2.5-7B", "Qwen2.5-7B"),
        ("a/folder+b/lora:-1", "folder+lora--1.0"),
    ],
)
def test_a_file_of_scores_is_named_after_its_models(parent: str, name: str) -> None:
    assert short(parent_of(parent)) == name


def test_a_sweep_takes_adapters_in_models_and_beside_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, style = tmp_path / "cases.jsonl", peft(path_of("instruct"), tmp_path / "style", 0.3)
    cases.write_text(json.dumps({"axis": "a", "prompt": "What is rest?", "expect": {"lines": 1}}))
    models = [f"{path_of('instruct')}+{style}:0.5", str(path_of("clinical"))]
    words = ["sweep", *models, "--cases", str(cases), "--t", "0", "1", "--max-tokens", "8"]
    words += ["--threads", "1"]
    assert main(words) == 0, capsys.readouterr().err
    (made,) = sweeps_folder().glob("*.jsonl")
    assert made.name == "instruct+style-0.5-clinical.jsonl"
    beside = tmp_path / "beside.jsonl"
    assert main([*words, "--adapter", f"{style}:0.25", "-o", str(beside)]) == 0
    first = json.loads(beside.read_text().splitlines()[0])
    assert first["sweep"]["adapters"][0][:2] == ["style", 0.25]
