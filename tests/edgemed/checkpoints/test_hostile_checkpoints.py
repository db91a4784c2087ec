"""Checkpoints that are cut, that lie, or that edgemed does not convert: refused before any work."""

import json
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemed.checkpoints.opening import open_checkpoint
from edgemed.cli.main import main
from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.merging.parents.opening import open_source
from tests.edgemed.checkpoints.test_conversions import DATA, convert


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    return copied("llama2", tmp_path)


def copied(kind: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA / kind, tmp_path / kind))


def with_config(folder: Path, **changes: Any) -> Path:
    """The folder, with other values in config.json (None: without them)."""
    path = folder / "config.json"
    tree = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: v for key, v in tree.items() if v is not None}))
    return folder


def weights(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def with_table(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The folder, with another table in its file of weights."""
    path = weights(folder)
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    table = json.loads(data[8 : 8 + size])
    change(table)
    text = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    return folder


def refused(folder: Path, kind: type[EdgemedError], *words: str) -> None:
    with pytest.raises(kind) as found:
        open_checkpoint(folder)
    for word in words:
        assert word in str(found.value)
    assert found.value.hint


def test_a_file_that_is_cut_is_refused(llama: Path) -> None:
    path = weights(llama)
    path.write_bytes(path.read_bytes()[:-10])
    refused(llama, InvalidFile, "its tensors end at byte", "the file at")


def test_tensors_that_overlap_are_refused(llama: Path) -> None:
    def overlap(table: dict[str, Any]) -> None:
        table["model.norm.weight"]["data_offsets"] = [0, 64]

    refused(with_table(llama, overlap), InvalidFile, "overlap")


def test_a_size_that_does_not_fit_the_shape_is_refused(llama: Path) -> None:
    def lie(table: dict[str, Any]) -> None:
        table["model.norm.weight"]["shape"] = [1 << 40]

    refused(with_table(llama, lie), InvalidFile, "model.norm.weight", "claims")


def test_a_table_larger_than_the_file_is_refused(llama: Path) -> None:
    path = weights(llama)
    path.write_bytes(struct.pack("<Q", 1 << 60) + path.read_bytes()[8:])
    refused(llama, InvalidFile, "a table of")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    folder = copied("mistral", tmp_path)
    (folder / "model-00002-of-00003.safetensors").unlink()
    refused(folder, InvalidFile, "the shard model-00002-of-00003.safetensors is missing")


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", 7, ""])
def test_an_index_names_files_of_its_folder_alone(name: Any, tmp_path: Path) -> None:
    folder = copied("mistral", tmp_path)
    path = folder / "model.safetensors.index.json"
    tree = json.loads(path.read_text())
    tree["weight_map"]["model.norm.weight"] = name
    path.write_text(json.dumps(tree))
    refused(folder, InvalidFile)


def test_an_index_that_does_not_fit_its_shards_is_refused(tmp_path: Path) -> None:
    folder = copied("mistral", tmp_path)
    path = folder / "model.safetensors.index.json"
    tree = json.loads(path.read_text())
    tree["weight_map"].pop("model.norm.weight")
    path.write_text(json.dumps(tree))
    refused(folder, InvalidFile, "do not agree about model.norm.weight")


def test_pickle_files_are_refused_and_never_opened(llama: Path) -> None:
    weights(llama).unlink()
    pickled = llama / "pytorch_model.bin"
    pickled.write_bytes(b"cos\nsystem\n(S'touch /tmp/opened'\ntR.")
    refused(llama, Refused, "pytorch_model.bin is a pickle file")
    for path in (pickled, llama / "model.pt"):
        with pytest.raises(Refused, match="pickle"):
            open_source(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("type", ["F16", "Q8_0", "F32"])
def test_numbers_that_are_none_stop_a_conversion(value: float, type: str, llama: Path) -> None:
    path = weights(llama)
    data = bytearray(path.read_bytes())
    data[-2:] = np.array([value], np.float16).tobytes()
    path.write_bytes(bytes(data))
    with pytest.raises(EdgemedError, match="NaN or infinity"):
        convert(llama, llama.parent / "out.gguf", type)
    assert not (llama.parent / "out.gguf").exists()


def test_other_architectures_are_refused_by_name(llama: Path) -> None:
    for names in (["FalconForCausalLM"], ["BertModel"], [], ["LlamaForCausalLM", "Another"]):
        shown = ", ".join(names) or "nothing"
        refused(with_config(llama, architectures=names), Refused, f"is a {shown} checkpoint")


REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "activation": ("llama2", {"hidden_act": "gelu"}, "hidden_act is gelu"),
    "quantized": ("llama2", {"quantization_config": {"quant_method": "gptq"}}, "already (gptq)"),
    "rope": ("llama2", {"rope_parameters": {"rope_type": "dynamic"}}, "rope type dynamic"),
    "theta": ("llama2", {"rope_parameters": {"rope_theta": -1}}, "rope_theta is -1"),
    "vocabulary": ("llama2", {"vocab_size": 353}, "vocab_size is 353"),
    "no width": ("llama2", {"hidden_size": None}, "hidden_size is None"),
    "many heads": ("llama2", {"num_attention_heads": 1 << 40}, "num_attention_heads is"),
    "a text": ("llama2", {"num_hidden_layers": "2"}, "num_hidden_layers is 2"),
    "infinite": ("llama2", {"rms_norm_eps": float("inf")}, "rms_norm_eps is inf"),
    "no head": ("llama3", {"tie_word_embeddings": False}, "no lm_head.weight"),
    "experts": ("mixtral", {"num_local_experts": 4}, "is made of 3 experts of 4"),
    "dense blocks": ("qwen3moe", {"mlp_only_layers": [1]}, "mlp_only_layers is [1]"),
    "weights of experts": ("qwen3moe", {"norm_topk_prob": False}, "norm_topk_prob is False"),
    "scale": ("gemma2", {"query_pre_attn_scalar": 20}, "query_pre_attn_scalar is 20"),
    "windows": ("gemma3", {"layer_types": ["full_attention"] * 2}, "layer_types is"),
    "long": ("phi3-long", {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}, ""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_llama_cpp_would_not_compute_is_refused(case: str, tmp_path: Path) -> None:
    kind, changes, words = REFUSALS[case]
    refused(with_config(copied(kind, tmp_path), **changes), EdgemedError, words)


def test_a_tensor_of_unknown_purpose_is_refused(llama: Path) -> None:
    def rename(table: dict[str, Any]) -> None:
        table["model.layers.0.mystery.weight"] = table.pop("model.layers.0.mlp.up_proj.weight")

    refused(with_table(llama, rename), InvalidFile, "model.layers.0.mystery.weight")


def test_a_tensor_that_is_missing_stops_the_conversion(llama: Path, tmp_path: Path) -> None:
    def rename(table: dict[str, Any]) -> None:
        table["model.layers.9.mlp.up_proj.weight"] = table.pop("model.layers.0.mlp.up_proj.weight")

    with pytest.raises(EdgemedError):
        convert(with_table(llama, rename), tmp_path / "out.gguf")


def test_weights_of_other_types_are_refused(llama: Path) -> None:
    def eight_bits(table: dict[str, Any]) -> None:
        entry = table["model.norm.weight"]
        entry["dtype"], entry["shape"] = "F8_E4M3", [64]

    refused(with_table(llama, eight_bits), InvalidFile, "F8_E4M3", "model.norm.weight")


def test_a_folder_without_config_is_no_checkpoint(tmp_path: Path) -> None:
    refused(tmp_path, InvalidFile, "has no config.json")
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(tmp_path, InvalidFile, "the folder of an adapter")


def test_a_head_that_is_the_embedding_may_have_either_name(tmp_path: Path) -> None:
    def rename(table: dict[str, Any]) -> None:
        table["lm_head.weight"] = table.pop("model.embed_tokens.weight")

    folder = with_table(copied("llama3", tmp_path), rename)
    model = open_checkpoint(folder)
    assert "output.weight" not in model.tensors
    assert model.tensors["token_embd.weight"].shape == (32, 352)


def test_a_hostile_card_is_passed_over(llama: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    for text in (
        f"---\n{bomb}\n---\n",
        "---\n!!python/object:os.system x\n---",
        "---\n" + "[" * 9999,
    ):
        (llama / "README.md").write_text(text)
        assert open_checkpoint(llama).metadata["general.name"] == "Llama2"


def test_names_of_tensors_reach_no_terminal_as_they_are(
    llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename(table: dict[str, Any]) -> None:
        table["evil\x1b[2J.weight"] = table.pop("model.norm.weight")

    with_table(llama, rename)
    assert main(["inspect", str(llama)]) == 3
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "generation_config.json"])
def test_changed_bytes_are_refused_or_read(name: str, llama: Path) -> None:
    path, rng = llama / name, random.Random(11)
    whole = path.read_bytes()
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(min(len(data), 2500))] = rng.randrange(256)
        path.write_bytes(bytes(data))
        try:
            open_checkpoint(llama)
        except EdgemedError as error:
            assert error.hint
