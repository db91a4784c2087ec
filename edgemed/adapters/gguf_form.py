"""Adapters in llama.cpp's GGUF form.

    general.type "adapter", adapter.type "lora", general.architecture, adapter.lora.alpha f32
    NAME.lora_a  f32[rank, row length]        NAME.lora_b  f32[rows, rank]

llama.cpp adds alpha / rank times B A. The file has one alpha for all of its pairs, so pairs of
other ranks or scales have their B scaled when they are written.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from edgemed_native.codecs import decode_rows
from edgemed_native.ggml_types import BY_NAME

from edgemed.adapters.adapter import F32, Adapter, Pair
from edgemed.errors import InvalidFile
from edgemed.gguf import Model, Tensor, open_model, plan_layout
from edgemed.gguf.values import encode
from edgemed.storage.whole import write_whole

A, B = ".lora_a", ".lora_b"
ALPHA = "adapter.lora.alpha"
ABOUT = "edgemed.adapter."


STORED = {"F32": "<f4", "F16": "<f2"}
"""Types that an adapter's numbers are stored in."""


def adapter_bytes(adapter: Adapter, stored: str = "F32") -> bytes:
    """The whole file. Its alpha is that of the first pair: pairs of the same keep their B."""
    first = next(iter(adapter.pairs.values()))
    alpha = first.scale * first.rank
    arrays: dict[str, F32] = {}
    for name, pair in adapter.pairs.items():
        arrays[name + A] = pair.a
        arrays[name + B] = pair.b * np.float32(pair.scale * pair.rank / alpha)
    keys: dict[str, tuple[str, Any]] = {
        "general.type": ("string", "adapter"),
        "general.architecture": ("string", adapter.architecture),
        "adapter.type": ("string", "lora"),
        ALPHA: ("float32", alpha),
    }
    keys |= {ABOUT + key: ("string", value) for key, value in adapter.about.items()}
    raw = {key: encode(kind, value) for key, (kind, value) in keys.items()}
    specs = [(name, array.shape[::-1], BY_NAME[stored]) for name, array in arrays.items()]
    layout = plan_layout(raw, specs)
    whole = bytearray(layout.total_bytes)
    whole[: len(layout.header)] = layout.header
    for offset, array in zip(layout.offsets, arrays.values(), strict=True):
        data = np.ascontiguousarray(array, STORED[stored]).tobytes()
        whole[offset : offset + len(data)] = data
    return bytes(whole)


def write_adapter(path: Path, adapter: Adapter) -> None:
    """Write `adapter` to `path`, whole or not at all."""
    write_whole(path, adapter_bytes(adapter))


def read_adapter(path: Path) -> Adapter:
    """The adapter in `path`. InvalidFile for what llama.cpp would not take either."""
    model = open_model(path)
    meta = model.metadata
    if meta.get("general.type") != "adapter" or meta.get("adapter.type") != "lora":
        raise InvalidFile(f"{path.name} is no LoRA adapter", "give an adapter in GGUF form")
    alpha = meta.get(ALPHA)
    if not isinstance(alpha, float) or not np.isfinite(alpha):
        raise InvalidFile(f"{path.name} has no {ALPHA}", "make the adapter again with its alpha")
    pairs = dict(_pairs(model, path, float(alpha)))
    if not pairs:
        raise InvalidFile(f"{path.name} holds no pair of matrices", "make the adapter again")
    about = {k.removeprefix(ABOUT): str(meta[k]) for k in meta if k.startswith(ABOUT)}
    return Adapter(str(meta.get("general.architecture", "")), pairs, about)


def _pairs(model: Model, path: Path, alpha: float) -> Iterator[tuple[str, Pair]]:
    tensors: Mapping[str, Tensor] = model.tensors
    for name, tensor in tensors.items():
        if not name.endswith((A, B)):
            raise InvalidFile(
                f"{path.name}: {name} is neither a {A} nor a {B} tensor",
                "adapters with whole tensors are not read",
            )
        target = name[: -len(A)]
        if target + A not in tensors or target + B not in tensors:
            raise InvalidFile(f"{path.name}: {target} has one half of its pair", "make it again")
        if name.endswith(A):
            other = tensors[target + B]
            if len(tensor.shape) != 2 or other.shape[:1] != tensor.shape[1:]:
                raise InvalidFile(
                    f"{path.name}: {target}: A of shape {tensor.shape} and B of {other.shape} do "
                    "not match",
                    "make the adapter again",
                )
            a, b = _read(tensor), _read(other)
            yield target, Pair(a, b, alpha / len(a))


def _read(tensor: Tensor) -> F32:
    """The tensor's rows, f32[rows, row length]."""
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        packed = np.frombuffer(file.read(tensor.nbytes), np.uint8).reshape(tensor.rows, -1)
    out = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed, out)
    return out
