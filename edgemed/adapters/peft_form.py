"""Adapters written as PEFT's folder: adapter_config.json and adapter_model.safetensors, in float32.

Rows are put back into the order of the checkpoint, and tensors get its names. A GGUF tensor that
has no name there is refused.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from edgemed.adapters.adapter import F32, Adapter, Pair
from edgemed.adapters.forms import CONFIG, WEIGHTS
from edgemed.adapters.peft_changes import PREFIX
from edgemed.checkpoints.places import Order, place_of
from edgemed.errors import Refused
from edgemed.gguf import Model
from edgemed.gguf.tensor_names import checkpoint_name
from edgemed.storage.positional import sync_folder
from edgemed.storage.scratch import scratch_folder
from edgemed.storage.whole import in_words, private_folder, write_new

EMBEDDING = "token_embd.weight"


def folder_files(adapter: Adapter, model: Model) -> dict[str, bytes]:
    """The two files of a folder, by name, for the checkpoint that `model` came from."""
    ranks = {module_of(n, adapter): pair.rank for n, pair in adapter.pairs.items()}
    dora = any(pair.lengths is not None for pair in adapter.pairs.values())
    text = json.dumps(config(ranks, dora), indent=2, sort_keys=True) + "\n"
    return {WEIGHTS: safetensors_bytes(dict(named(adapter, model))), CONFIG: text.encode()}


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder of these files, whole or not at all."""
    with in_words(folder), scratch_folder(folder.parent, "peft") as scratch:
        part = scratch / folder.name
        private_folder(part)
        for name, data in files.items():
            write_new(part / name, data)
        if folder.exists():
            raise Refused(f"{folder} was created meanwhile", "name another folder")
        part.rename(folder)  # replaces an empty folder created just now; fails on a full one
        sync_folder(folder.parent)


def config(ranks: dict[str, int], dora: bool) -> dict[str, object]:
    """What PEFT reads: the scale of every pair is 1, so alpha is the rank."""
    usual = max(ranks.values())
    apart = {module: rank for module, rank in ranks.items() if rank != usual}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "",
        "r": usual,
        "lora_alpha": usual,
        "rank_pattern": apart,
        "alpha_pattern": apart,
        "target_modules": sorted(ranks),
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": dora,
        "modules_to_save": None,
        "inference_mode": True,
    }


def module_of(name: str, adapter: Adapter) -> str:
    """The checkpoint's module of a GGUF tensor; Refused if it has none."""
    found = checkpoint_name(name, adapter.architecture)
    if found is None:
        raise Refused(f"{name} has no name in a checkpoint", "write the adapter as a .gguf file")
    return found.removesuffix(".weight")


def named(adapter: Adapter, model: Model) -> Iterator[tuple[str, F32]]:
    """The arrays under PEFT's names."""
    for name, pair in adapter.pairs.items():
        module = module_of(name, adapter)
        place = place_of(module, model.metadata)
        order = None if place is None else place.order
        b = put_back(pair.b * np.float32(pair.scale), order)
        lengths = None if pair.lengths is None else put_back(pair.lengths, order)
        yield from under(f"{PREFIX}{module}", name, Pair(pair.a, b, 1.0, lengths))


def put_back(rows: F32, order: Order | None) -> F32:
    """Rows in the checkpoint's order."""
    if order is None:
        return rows
    back = np.empty_like(rows)
    back[np.array(order)] = rows
    return back


def under(module: str, name: str, pair: Pair) -> Iterator[tuple[str, F32]]:
    """A pair's arrays; an embedding's are transposed."""
    if name == EMBEDDING:
        yield f"{module}.lora_embedding_A", np.ascontiguousarray(pair.b.T)
        yield f"{module}.lora_embedding_B", np.ascontiguousarray(pair.a.T)
    else:
        yield f"{module}.lora_A.weight", pair.a
        yield f"{module}.lora_B.weight", pair.b
    if pair.lengths is not None:
        yield f"{module}.lora_magnitude_vector", pair.lengths


def safetensors_bytes(arrays: dict[str, F32]) -> bytes:
    """A whole safetensors file of float32 tensors."""
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data: list[bytes] = []
    at = 0
    for name, array in arrays.items():
        data.append(np.ascontiguousarray(array, "<f4").tobytes())
        place = [at, at + len(data[-1])]
        table[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": place}
        at = place[1]
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data)
