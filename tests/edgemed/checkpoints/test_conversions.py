"""Conversions of checkpoints against llama.cpp's converter and transformers.

The fixtures in data/checkpoints were made by `python -m tests.oracles.convert --keep`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemed.cli.main import main
from edgemed.gguf import Model, open_model
from edgemed.merging.plan.plan import Plan, Target
from edgemed.merging.plan.quantization import plan_quantize, quantization
from edgemed.merging.report.verify import verify
from edgemed.merging.run import progress
from edgemed.merging.run.run import run_plan
from tests.edgemed.converted import digests, logits_of, values

DATA = Path(__file__).parents[1] / "data" / "checkpoints"
KINDS = sorted(path.parent.name for path in DATA.glob("*/expected.json"))

OURS = ("edgemed.", "general.quantization_version", "general.file_type")
"""Keys that say how edgemed made the file."""


def expected(kind: str) -> Any:
    return json.loads((DATA / kind / "expected.json").read_text())


def planned(folder: Path, out: Path, type: str = "F32", **limits: Any) -> Plan:
    return plan_quantize(quantization(folder, type), Target(out, 2, **limits))


def convert(folder: Path, out: Path, type: str = "F32", **limits: Any) -> Model:
    run_plan(planned(folder, out, type, **limits), load_check=False)
    return open_model(out)


def tensors(model: Model) -> dict[str, bytes]:
    return {name: values(model, name) for name in model.tensors}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """Every fixture in F32."""
    folder = tmp_path_factory.mktemp("converted")
    return {kind: convert(DATA / kind, folder / f"{kind}.gguf") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_are_those_of_llama_cpps_converter(kind: str, converted: dict[str, Model]) -> None:
    assert digests(converted[kind], OURS)["tensors"] == expected(kind)["tensors"]


@pytest.mark.parametrize("kind", KINDS)
def test_keys_are_those_of_llama_cpps_converter(kind: str, converted: dict[str, Model]) -> None:
    assert digests(converted[kind], OURS)["keys"] == expected(kind)["keys"]


def test_logits_are_those_of_transformers(converted: dict[str, Model]) -> None:
    wanted = {kind: expected(kind) for kind in KINDS}
    found = logits_of([(converted[kind].path, wanted[kind]["tokens"]) for kind in KINDS])
    for kind, logits in zip(KINDS, found, strict=True):
        right = np.array(wanted[kind]["logits"])
        assert np.abs(logits[:, : right.shape[1]] - right).max() <= 1e-3, kind


@pytest.mark.parametrize("kind", ["mistral", "qwen2moe", "gemma3", "llama-biases"])
def test_one_pass_gives_what_two_give(
    kind: str, converted: dict[str, Model], tmp_path: Path
) -> None:
    plan = plan_quantize(
        quantization(converted[kind].path, "Q4_K_M"), Target(tmp_path / "two.gguf", 2)
    )
    run_plan(plan, load_check=False)
    one = convert(DATA / kind, tmp_path / "one.gguf", "Q4_K_M")
    assert tensors(one) == tensors(open_model(plan.out))


@pytest.mark.parametrize("kind", ["llama2", "mistral", "mixtral"])
def test_a_narrow_cap_changes_no_byte(kind: str, tmp_path: Path) -> None:
    wide = convert(DATA / kind, tmp_path / "wide.gguf", "Q8_0")
    plan = planned(DATA / kind, tmp_path / "narrow.gguf", "Q8_0", max_ram=3000)
    assert plan.buffers.nbytes <= 3000
    run_plan(plan, load_check=False)
    assert tensors(open_model(plan.out)) == tensors(wide)


def test_the_checkpoints_own_type_is_copied(tmp_path: Path) -> None:
    out = tmp_path / "out.gguf"
    assert main(["convert", str(DATA / "mistral"), "-o", str(out), "--no-load-check"]) == 0
    model = open_model(out)
    types = {tensor.type.name for tensor in model.tensors.values()}
    assert types == {"BF16", "F32"}  # matrices as they are; vectors as llama.cpp needs them
    copied = [
        s for s in planned(DATA / "mistral", tmp_path / "o", "BF16").steps if s.action == "copy"
    ]
    assert len(copied) == 15
    assert model.metadata["general.file_type"] == 32


@pytest.mark.load_check
def test_llama_cpp_loads_what_is_written(tmp_path: Path) -> None:
    for kind in ("llama3", "qwen3", "gemma2"):
        out = tmp_path / f"{kind}.gguf"
        assert main(["convert", str(DATA / kind), "-o", str(out), "--out-type", "Q8_0"]) == 0


@pytest.mark.parametrize("name", ["model.safetensors.index.json", "config.json"])
def test_a_file_of_the_folder_means_the_folder(name: str, tmp_path: Path) -> None:
    by_name = convert(DATA / "mistral" / name, tmp_path / "a.gguf", "Q8_0")
    by_folder = convert(DATA / "mistral", tmp_path / "b.gguf", "Q8_0")
    assert tensors(by_name) == tensors(by_folder)


def test_a_dry_run_lists_every_tensor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(DATA / "qwen2moe"), "-o", str(tmp_path / "o.gguf")]
    assert main([*words, "--out-type", "Q8_0", "--dry-run"]) == 0
    out = capsys.readouterr().out
    lines = {words[0]: words[1:] for line in out.splitlines() if (words := line.split())}
    assert lines["blk.0.ffn_up_exps.weight"] == "32 x 16 x 3 BF16 -> Q8_0".split()
    assert not (tmp_path / "o.gguf").exists()


def test_the_file_says_what_it_was_made_of(tmp_path: Path) -> None:
    folder = tmp_path / "Small Model"
    shutil.copytree(DATA / "mistral", folder)
    model = convert(folder, tmp_path / "out.gguf", "Q8_0")
    assert list(model.metadata["edgemed.quantize.inputs"]) == ["Small Model"]
    names = list(model.metadata["edgemed.quantize.files"])
    assert names[:2] == ["config.json", "model-00001-of-00003.safetensors"]
    assert {"README.md", "tokenizer.model", "model.safetensors.index.json"} <= set(names)
    assert verify(model.path, None, 1).state == "same"
    shard = folder / "model-00001-of-00003.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x01")
    answer = verify(model.path, None, 1)
    assert answer.state == "different"
    assert "sha256 differs" in answer.lines[0]


def test_an_unfinished_conversion_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REPORT_SECONDS", 0.0)  # every chunk is reported
    whole = convert(DATA / "llama2", tmp_path / "whole.gguf", "Q8_0")
    plan = planned(DATA / "llama2", tmp_path / "out.gguf", "Q8_0", max_ram=3000)

    def stop(progress: Any) -> None:
        if progress.done > plan.weights // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, stop, resume=True, load_check=False)
    assert not plan.out.exists()
    run_plan(plan, resume=True, load_check=False)
    assert tensors(open_model(plan.out)) == tensors(whole)


def test_a_split_conversion_is_one_model(tmp_path: Path) -> None:
    whole = convert(DATA / "llama2", tmp_path / "whole.gguf", "F16")
    words = ["convert", str(DATA / "llama2"), "-o", str(tmp_path / "part.gguf")]
    assert main([*words, "--split-max-size", "60K", "--no-load-check"]) == 0
    model = open_model(next(tmp_path.glob("part-00001-*")))
    assert len(model.paths) > 1
    assert tensors(model) == tensors(whole)
