"""Checkpoints where GGUF files can be: as parents of merges, with adapters, checked, measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgemed.adapters.peft_form import safetensors_bytes
from edgemed.cli.main import main
from edgemed.gguf import Model, open_model
from edgemed.merging.plan.plan import plan_merge
from edgemed.merging.recipe.recipe import between, of_models
from edgemed.merging.recipe.recipe_file import read_recipe
from edgemed.merging.run.run import run_plan
from tests.edgemed.checkpoints.test_conversions import DATA, convert, tensors

A, B = DATA / "llama3", DATA / "mistral"
"""Two of one architecture but for the rope; `pair` makes their ropes alike."""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two checkpoints that can be merged: one, and one with other numbers."""
    other = tmp_path / "other"
    other.mkdir()
    for path in B.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    for shard in other.glob("*.safetensors"):
        data = bytearray(shard.read_bytes())
        start = 8 + int.from_bytes(data[:8], "little")
        numbers = np.frombuffer(data, np.uint16, offset=start)
        numbers ^= np.uint16(0x18)  # the last bits of every BF16
        shard.write_bytes(bytes(data))
    return B, other


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A PEFT adapter of rank 4 for q, k and down of `B`."""
    folder, rng = tmp_path / "lora", np.random.default_rng(1)
    folder.mkdir()
    shapes = {"self_attn.q_proj": (32, 32), "self_attn.k_proj": (16, 32), "mlp.down_proj": (32, 48)}
    arrays = {}
    for part, (rows, length) in shapes.items():
        name = f"base_model.model.model.layers.1.{part}"
        arrays[f"{name}.lora_A.weight"] = rng.standard_normal((4, length)).astype(np.float32)
        arrays[f"{name}.lora_B.weight"] = rng.standard_normal((rows, 4)).astype(np.float32)
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(arrays))
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": "q_proj"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def merged(recipe: object, out: Path) -> Model:
    run_plan(plan_merge(recipe, out, 2), load_check=False)  # type: ignore[arg-type]
    return open_model(out)


def test_a_merge_of_folders_is_the_merge_of_their_files(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    files = [convert(folder, tmp_path / f"{i}.gguf", "BF16").path for i, folder in enumerate(pair)]
    by_folder = merged(between(*pair, 0.4), tmp_path / "a.gguf")
    by_file = merged(between(*files, 0.4), tmp_path / "b.gguf")
    assert tensors(by_folder) == tensors(by_file)
    assert {t.type.name for t in by_folder.tensors.values()} == {"BF16", "F32"}


def test_a_folder_merges_with_a_file(pair: tuple[Path, Path], tmp_path: Path) -> None:
    file = convert(pair[1], tmp_path / "b.gguf", "Q8_0").path
    model = merged(between(pair[0], file, 0.5), tmp_path / "out.gguf")
    assert model.tensors["blk.0.attn_norm.weight"].type.name == "F32"
    assert list(model.metadata["edgemed.merge.inputs"]) == ["mistral", "b.gguf"]


def test_a_recipe_of_mergekit_names_folders_and_an_adapter(
    pair: tuple[Path, Path], adapter: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(
        f"merge_method: linear\nmodels:\n  - model: {pair[0]}+{adapter}\n"
        f"    parameters: {{weight: 1}}\n  - model: {pair[1]}\n    parameters: {{weight: 1}}\n"
    )
    by_folder = merged(read_recipe(recipe), tmp_path / "a.gguf")
    file = convert(pair[0], tmp_path / "b.gguf", "BF16").path
    by_file = merged(between(f"{file}+{adapter}", pair[1], 0.5), tmp_path / "c.gguf")
    assert tensors(by_folder) == tensors(by_file)


def test_an_adapter_is_folded_into_a_folder(adapter: Path, tmp_path: Path) -> None:
    words = [str(adapter), "--out-type", "F32", "--no-load-check"]
    file = convert(B, tmp_path / "b.gguf", "F32").path
    for name, model in (("from-folder", B), ("from-file", file)):
        assert main(["fold", str(model), *words, "-o", str(tmp_path / f"{name}.gguf")]) == 0
    a, b = (open_model(tmp_path / f"{name}.gguf") for name in ("from-folder", "from-file"))
    assert tensors(a) == tensors(b)
    assert tensors(a) != tensors(open_model(file))


def test_folders_beside_a_gguf_adapter_are_parents(
    pair: tuple[Path, Path], adapter: Path, tmp_path: Path
) -> None:
    file = merged(of_models([f"{pair[0]}+{adapter}"], "passthrough"), tmp_path / "tuned.gguf").path
    lora = tmp_path / "lora.gguf"
    words = ["extract", str(file), str(pair[0]), "--rank", "4", "-o", str(lora)]
    assert main(words) == 0
    model = merged(of_models([f"{pair[0]}+{lora}"], "passthrough"), tmp_path / "again.gguf")
    assert model.tensors.keys() == open_model(file).tensors.keys()


def test_a_check_compares_folders(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *map(str, pair)]) == 0
    assert "ok      loading:         llama.cpp will load each of them" in capsys.readouterr().out
    assert main(["check", str(A), str(B)]) == 3
    assert "rope" in capsys.readouterr().out


def test_a_diff_measures_folders(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", *map(str, pair), "--json", "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["tensors"]


def test_inspect_shows_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(B)]) == 0
    out = capsys.readouterr().out
    assert "Hugging Face checkpoint" in out
    assert "apache-2.0" in out
    assert main(["inspect", str(B), "--json", "--tensors"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == 0
    assert found["files"] == [str(B)]
    assert len(found["tensors"]) == 20


def test_a_folder_given_twice_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(B), str(B / "config.json")]) == 0
    assert "mistral is given twice" in capsys.readouterr().out
