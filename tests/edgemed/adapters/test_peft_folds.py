"""PEFT's adapters of every kind, folded, against PEFT's own folds in float64.

The fixtures in data/lora were made by `python -m tests.oracles.lora`.
"""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemed.adapters.naming import Use
from edgemed.adapters.peft_config import ending, pattern_value
from edgemed.checkpoints.safetensors import read_table
from edgemed.errors import EdgemedError, Incompatible, InvalidFile, Refused
from edgemed.gguf import open_model
from edgemed.merging.plan.plan import Plan, plan_merge
from edgemed.merging.recipe.folding import folding
from edgemed.merging.report.verify import verify
from edgemed.merging.run.run import run_plan
from tests.edgemed.adapters.test_fold import tensor_of

DATA = Path(__file__).parents[1] / "data" / "lora"
KINDS = sorted(path.name for path in DATA.iterdir() if path.is_dir())


def fold(kind: str, out: Path, strength: float = 1.0) -> Plan:
    plan = plan_merge(folding(DATA / kind / "base.gguf", [Use(DATA / kind, strength)]), out, 2)
    run_plan(plan, load_check=False)
    return plan


def deviation(found: Any, wanted: Any) -> float:
    """The largest difference, in standard deviations of what is wanted."""
    return float(np.abs(found.reshape(wanted.shape) - wanted).max() / wanted.std())


@pytest.mark.parametrize("kind", KINDS)
def test_a_fold_is_what_peft_makes_of_it(kind: str, tmp_path: Path) -> None:
    plan = fold(kind, tmp_path / "out.gguf")
    wanted = np.load(DATA / kind / "merged.npz")
    changed = {step.name for step in plan.steps if step.action != "copy"}
    assert changed == set(wanted.files)
    for name in wanted.files:
        assert deviation(tensor_of(plan.out, name), wanted[name]) <= 1e-6, name


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_fold_is_half_the_way(kind: str, tmp_path: Path) -> None:
    plan = fold(kind, tmp_path / "out.gguf", 0.5)
    base, wanted = open_model(DATA / kind / "base.gguf"), np.load(DATA / kind / "merged.npz")
    for name in wanted.files:
        before = name if name in base.tensors else "token_embd.weight"
        half = (tensor_of(base.paths[0], before).reshape(wanted[name].shape) + wanted[name]) / 2
        assert deviation(tensor_of(plan.out, name), half) <= 1e-6, name


@pytest.mark.parametrize("kind", ["dora", "embedding_dora", "whole_tied"])
def test_a_fold_of_strength_0_copies_every_byte(kind: str, tmp_path: Path) -> None:
    plan = fold(kind, tmp_path / "out.gguf", 0.0)
    assert {step.action for step in plan.steps} == {"copy"}
    assert {step.name for step in plan.steps} == set(open_model(DATA / kind / "base.gguf").tensors)


@pytest.mark.parametrize(
    "kind", ["plain", "dora", "embedding_dora", "whole", "biases", "mixtral", "mixtral_dora"]
)
def test_chunks_and_threads_change_no_byte(kind: str, tmp_path: Path) -> None:
    recipe = folding(DATA / kind / "base.gguf", [Use(DATA / kind)])
    whole = fold(kind, tmp_path / "whole.gguf").out.read_bytes()
    usual = plan_merge(recipe, tmp_path / "x.gguf", 1).buffers
    plan, refused, enough = None, 0, usual.nbytes
    while plan is None or enough - refused > 1:
        cap = (refused + enough) // 2
        try:
            plan = plan_merge(recipe, tmp_path / "small.gguf", 1, cap)
            enough = cap
        except Refused:
            refused = cap
    plan = plan_merge(recipe, tmp_path / "small.gguf", 1, enough)
    assert plan.buffers.chunk < 100 < usual.chunk
    run_plan(plan, load_check=False)
    assert plan.out.read_bytes() == whole


def test_a_head_that_is_the_embedding_becomes_its_own(tmp_path: Path) -> None:
    out = fold("whole_tied", tmp_path / "out.gguf").out
    base = DATA / "whole_tied" / "base.gguf"
    assert "output.weight" not in open_model(base).tensors
    embedding = "token_embd.weight"
    assert tensor_of(out, embedding).tobytes() == tensor_of(base, embedding).tobytes()
    assert not np.array_equal(tensor_of(out, "output.weight"), tensor_of(out, embedding))


def test_a_head_keeps_the_embedding_that_it_was_trained_with(tmp_path: Path) -> None:
    """Where the embedding alone is changed, of a model whose head it is."""
    folder = altered(tmp_path, "embedding", lambda config, path: None)
    base = DATA / "tied_head" / "base.gguf"
    plan = plan_merge(folding(base, [Use(folder)]), tmp_path / "out.gguf", 1)
    run_plan(plan, load_check=False)
    head, before = tensor_of(plan.out, "output.weight"), tensor_of(base, "token_embd.weight")
    assert head.tobytes() == before.tobytes()


def test_folders_are_hashed_named_and_verified(tmp_path: Path) -> None:
    folder = altered(tmp_path, "plain", lambda config, path: None)
    base = Path(shutil.copy(DATA / "plain" / "base.gguf", tmp_path / "base.gguf"))
    plan = plan_merge(folding(base, [Use(folder)]), tmp_path / "out.gguf", 1)
    run_plan(plan, load_check=False)
    meta = open_model(plan.out).metadata
    assert meta["edgemed.merge.inputs"] == ["base.gguf", "adapter"]
    files = ["base.gguf", "adapter_config.json", "adapter_model.safetensors"]
    assert meta["edgemed.merge.files"] == files
    assert verify(plan.out, None, 1).state == "same"
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 5', '"lora_alpha": 6'))
    assert verify(plan.out, None, 1).state == "different"


Alter = Callable[[dict[str, Any], Path], None]


def altered(folder: Path, kind: str, change: Alter) -> Path:
    """A copy of a fixture's adapter, its config and its folder changed."""
    copy = folder / "adapter"
    shutil.copytree(DATA / kind, copy)
    config = json.loads((copy / "adapter_config.json").read_text())
    change(config, copy)
    (copy / "adapter_config.json").write_text(json.dumps(config))
    return copy


def keys(**values: Any) -> Alter:
    """Set keys of the config; None takes one out."""

    def change(config: dict[str, Any], folder: Path) -> None:
        for key, value in values.items():
            config[key] = value
            if value is None:
                del config[key]

    return change


def table(change: Callable[[dict[str, Any]], None], cut: int = 0) -> Alter:
    """Change the table of the weights, and cut bytes from the end."""

    def alter(config: dict[str, Any], folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        raw = path.read_bytes()
        (size,) = struct.unpack("<Q", raw[:8])
        tree = json.loads(raw[8 : 8 + size])
        change(tree)
        text = json.dumps(tree).encode()
        whole = struct.pack("<Q", len(text)) + text + raw[8 + size :]
        path.write_bytes(whole[: len(whole) - cut])

    return alter


PREFIX = "base_model.model.model.layers.0."
Q, K = f"{PREFIX}self_attn.q_proj", f"{PREFIX}self_attn.k_proj"


def renamed(old: str, new: str) -> Alter:
    return table(lambda tree: tree.update({new: tree.pop(old)}))


def overlap(tree: dict[str, Any]) -> None:
    first, second = sorted((v["data_offsets"] for n, v in tree.items() if n[0] != "_"))[:2]
    second[0] -= 4
    second[1] -= 4
    assert first[1] > second[0]


def lying(tree: dict[str, Any]) -> None:
    tree[f"{Q}.lora_A.weight"]["shape"][0] = 3


def huge(tree: dict[str, Any]) -> None:
    tree[f"{Q}.lora_A.weight"]["shape"] = [1 << 62, 1 << 62]


def other_type(tree: dict[str, Any]) -> None:
    entry = tree[f"{Q}.lora_A.weight"]
    entry["dtype"], entry["shape"] = "F64", [entry["shape"][0], entry["shape"][1] // 2]


def wider(tree: dict[str, Any]) -> None:
    entry = tree[f"{Q}.lora_A.weight"]
    entry["shape"] = [entry["shape"][1], entry["shape"][0]]


def typed(value: Any) -> Callable[[dict[str, Any]], None]:
    """The first tensor's type is no word."""
    return lambda tree: first_of(tree).update(dtype=value)


def far(tree: dict[str, Any]) -> None:
    most = 10**4299
    first_of(tree).update(dtype="BOOL", shape=[9 * most], data_offsets=[0, 9 * most])


def first_of(tree: dict[str, Any]) -> dict[str, Any]:
    return next(entry for name, entry in tree.items() if name != "__metadata__")


def pickled(config: dict[str, Any], folder: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


def not_a_number(config: dict[str, Any], folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-4:] = struct.pack("<f", float("nan"))
    path.write_bytes(raw)


BAD: dict[str, tuple[Alter, type[EdgemedError], str]] = {
    "no alpha": (keys(lora_alpha=None), InvalidFile, "has no lora_alpha"),
    "no rank": (keys(r=None), InvalidFile, "has no r"),
    "another rank": (keys(r=4), InvalidFile, "rank of 2, adapter_config.json says 4"),
    "a word": (keys(lora_alpha="5"), InvalidFile, "lora_alpha is 5"),
    "no rank that a matrix has": (keys(r=10**400), InvalidFile, "r is 1000"),
    "an alpha beyond float64": (keys(lora_alpha=10**400), InvalidFile, "lora_alpha is 1000"),
    "a list for a type": (table(typed([])), InvalidFile, "unknown type"),
    "a map for a type": (table(typed({})), InvalidFile, "unknown type"),
    "a place beyond every disk": (table(far), InvalidFile, "no shape or no place"),
    "a name without end": (renamed(f"{Q}.lora_A.weight", "x." * 900 + "lora_A.weight"),
                           InvalidFile, "is unknown"),
    "many stars": (keys(rank_pattern={".*" * 40 + "x": 2}), InvalidFile, "rank_pattern"),
    "infinite": (keys(lora_alpha=float("inf")), InvalidFile, "lora_alpha is inf"),
    "another kind": (keys(peft_type="LOHA"), Refused, "LOHA adapter"),
    "PiSSA": (keys(init_lora_weights="pissa"), Refused, "init_lora_weights is pissa"),
    "aLoRA": (keys(alora_invocation_tokens=[1]), Refused, "aLoRA"),
    "blocks": (keys(layer_replication=[[0, 1]]), Refused, "layer_replication"),
    "endless": (keys(alpha_pattern={"(a+)+b": 2}), InvalidFile, "alpha_pattern"),
    "dora": (keys(use_dora=True), InvalidFile, "has no magnitudes"),
    "no target": (renamed(f"{Q}.lora_A.weight", "x.lora_A.weight"), InvalidFile, "is unknown"),
    "unknown": (renamed(f"{Q}.lora_A.weight", f"{Q}.lora_C.weight"), EdgemedError, "one half"),
    "one half": (renamed(f"{Q}.lora_A.weight", f"{Q}.lora_B.bias"), InvalidFile, "one half"),
    "no place": (table(lambda tree: [tree.update({n.replace("q_proj", "qq_proj"): tree.pop(n)})
                                     for n in list(tree) if "q_proj" in n]),
                 Incompatible, "qq_proj, which has no place"),
    "overlap": (table(overlap), InvalidFile, "overlap|gap"),
    "a lie": (table(lying), InvalidFile, "claims"),
    "a huge lie": (table(huge), InvalidFile, "claims"),
    "cut": (table(lambda tree: None, cut=5), InvalidFile, "end at byte"),
    "another type": (table(other_type), InvalidFile, "is F64"),
    "A and B": (table(wider), InvalidFile, "do not match"),
    "NaN": (not_a_number, InvalidFile, "NaN or infinity"),
    "a pickle": (pickled, Refused, "pickle"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_with_an_adapter_is_named_before_any_work(what: str, tmp_path: Path) -> None:
    change, kind, why = BAD[what]
    folder = altered(tmp_path, "plain", change)
    with pytest.raises(kind, match=why):
        plan_merge(folding(DATA / "plain" / "base.gguf", [Use(folder)]), tmp_path / "o.gguf", 1)


def test_another_base_is_named(tmp_path: Path) -> None:
    folder = altered(tmp_path, "plain", keys(base_model_name_or_path="org/the-base"))
    with pytest.raises(Incompatible, match="has no place in base") as refusal:
        plan_merge(folding(DATA / "gpt2" / "base.gguf", [Use(folder)]), tmp_path / "o.gguf", 1)
    assert "org/the-base" in str(refusal.value)


@pytest.mark.parametrize(
    "raw", [b"", b"\x08", struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", 2) + b"[]",
            struct.pack("<Q", 3) + b"{a}", struct.pack("<Q", 2000) + b"[" * 2000,
            struct.pack("<Q", 2) + b"{}more"],
)  # fmt: skip
def test_files_that_are_no_safetensors(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(raw)
    with pytest.raises(InvalidFile):
        read_table(path)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_file_of_the_adapter_may_not_be_the_output(name: str, tmp_path: Path) -> None:
    folder = altered(tmp_path, "plain", lambda config, path: None)
    recipe = folding(DATA / "plain" / "base.gguf", [Use(folder)])
    with pytest.raises(EdgemedError, match="input"):
        plan_merge(recipe, folder / name, 1, replace=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_pipe_in_a_folder_is_not_waited_for(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(DATA / "plain", folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(InvalidFile, match="is not a file"):
        plan_merge(folding(DATA / "plain" / "base.gguf", [Use(folder)]), tmp_path / "o.gguf", 1)


def test_hundreds_of_patterns_are_matched_in_no_time() -> None:
    modules = [f"model.layers.{n}.self_attn.q_proj" for n in range(700)]
    found = dict.fromkeys(modules, 4)
    compiled = ending.cache_info().misses
    assert {pattern_value(found, module, 8) for module in modules} == {4}
    assert ending.cache_info().misses - compiled == len(modules)
