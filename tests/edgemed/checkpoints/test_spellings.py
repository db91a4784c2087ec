"""The same checkpoint, written in another way: older config.json, other names, experts together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edgemed_native.codecs import decode_rows

from edgemed.adapters.peft_form import safetensors_bytes
from edgemed.checkpoints.folder import weight_tables
from edgemed.checkpoints.opening import open_checkpoint
from edgemed.checkpoints.safetensors import tensor_of
from edgemed.gguf import Metadata
from tests.edgemed.checkpoints.test_conversions import DATA, convert, tensors

Arrays = dict[str, np.ndarray]

FILES = ("tokenizer.model", "README.md", "generation_config.json")


def arrays_of(folder: Path) -> Arrays:
    """Every tensor of a checkpoint as float32."""
    found = {}
    for path, table in weight_tables(folder).items():
        for name, stored in table.items():
            tensor = tensor_of(path, name, stored)
            packed = np.fromfile(path, np.uint8, tensor.nbytes, offset=tensor.offset)
            out = np.empty((tensor.rows, tensor.row_length), np.float32)
            decode_rows(tensor.type.name, packed.reshape(tensor.rows, -1), out)
            found[name] = out.reshape(stored.shape)
    return found


def written(folder: Path, kind: str, config: dict[str, Any], arrays: Arrays) -> Path:
    """A checkpoint of these tensors, with the other files of a fixture."""
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes((DATA / kind / name).read_bytes())
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(safetensors_bytes(arrays))
    return folder


def config_of(kind: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads((DATA / kind / "config.json").read_text())
    return tree


def hyper_parameters(metadata: Metadata) -> dict[str, bytes]:
    arch = metadata["general.architecture"]
    return {key: metadata.raw(key) for key in metadata if key.startswith(f"{arch}.")}


OLD: dict[str, dict[str, Any]] = {
    "llama2": {"rope_theta": 10000.0},
    "llama3": {
        "rope_theta": 500000.0,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    },
    "llama-biases": {"rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 2.0}},
    "mixtral": {"rope_theta": 1000000.0},
    "gemma3": {"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0},
    "phi3-long": {
        "rope_theta": 10000.0,
        "rope_scaling": {
            "type": "longrope", "short_factor": [1.0, 1.02, 1.05, 1.1],
            "long_factor": [1.0, 1.25, 2.0, 4.0],
        },
        "original_max_position_embeddings": 256,
    },
}  # fmt: skip
"""How transformers wrote ropes before version 5."""


@pytest.mark.parametrize("kind", OLD)
def test_ropes_in_the_older_spelling_are_the_same(kind: str, tmp_path: Path) -> None:
    config = config_of(kind)
    config.pop("rope_parameters", None)
    folder = written(tmp_path / "old", kind, config | OLD[kind], arrays_of(DATA / kind))
    old, new = open_checkpoint(folder), open_checkpoint(DATA / kind)
    assert hyper_parameters(old.metadata) == hyper_parameters(new.metadata)
    assert old.tensors.keys() == new.tensors.keys()
    for name, tensor in new.tensors.items():
        if tensor.gathered is not None and tensor.gathered.values:
            assert old.tensors[name].gathered == tensor.gathered


def test_gemma_3_beside_its_vision_part_is_the_same_model(tmp_path: Path) -> None:
    text = config_of("gemma3")
    both = {
        "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
        "text_config": {k: v for k, v in text.items() if k != "architectures"},
        "vision_config": {"hidden_size": 8},
    }  # fmt: skip
    plain = arrays_of(DATA / "gemma3")
    beside = {f"language_model.{name}": array for name, array in plain.items()}
    beside["vision_tower.vision_model.post_layernorm.weight"] = np.ones(8, np.float32)
    beside["multi_modal_projector.mm_input_projection_weight"] = np.ones((8, 32), np.float32)
    folder = written(tmp_path / "both", "gemma3", both, beside)
    model = open_checkpoint(folder)
    assert model.notes == ("both: 2 tensors of other parts, such as vision, are left out",)
    alone = convert(DATA / "gemma3", tmp_path / "alone.gguf")
    found = convert(folder, tmp_path / "both.gguf")
    assert tensors(found) == tensors(alone)
    assert hyper_parameters(found.metadata) == hyper_parameters(alone.metadata)


def test_experts_in_one_tensor_are_the_same_experts(tmp_path: Path) -> None:
    arrays = arrays_of(DATA / "qwen3moe")
    inside = "model.layers.0.mlp.experts"
    apart = {
        part: np.stack([arrays.pop(f"{inside}.{i}.{part}_proj.weight") for i in range(3)])
        for part in ("gate", "up", "down")
    }
    arrays[f"{inside}.gate_up_proj"] = np.concatenate([apart["gate"], apart["up"]], axis=1)
    arrays[f"{inside}.down_proj"] = apart["down"]
    folder = written(tmp_path / "together", "qwen3moe", config_of("qwen3moe"), arrays)
    found = convert(folder, tmp_path / "a.gguf")
    assert tensors(found) == tensors(convert(DATA / "qwen3moe", tmp_path / "b.gguf"))
