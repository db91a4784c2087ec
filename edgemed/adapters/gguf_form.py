"""Adapters in llama.cpp's GGUF form.

    general.type "adapter", adapter.type "lora", general.architecture, adapter.lora.alpha f32
    NAME.lora_a  f32[rank, row length]        NAME.lora_b  f32[rows, rank]

llama.cpp adds alpha / rank times B A. The file has one alpha for all of its pairs, so pairs of
other ranks or scales have their B scaled when they are written. There is no place for the lengths
of DoRA.
"""

from pathlib import Path
from typing import Any

import numpy as np
from edgemed_native.codecs import decode_rows
from edgemed_native.ggml_types import BY_NAME

from edgemed.adapters.adapter import F32, Adapter, Pair
from edgemed.adapters.change import LowRank, Thin
from edgemed.adapters.gguf_changes import ALPHA, EMBEDDING, A, B, open_gguf
from edgemed.errors import Refused
from edgemed.gguf import open_model, plan_layout
from edgemed.gguf.values import encode
from edgemed.storage.whole import write_whole

ABOUT = "edgemed.adapter."


NO_LENGTHS = "an adapter in GGUF form cannot hold the lengths of DoRA"
IN_A_FOLDER = "name a folder with -o; `edgemed fold MODEL FOLDER -o OUT` makes a model of it"

STORED = {"F32": "<f4", "F16": "<f2"}
"""Types that an adapter's numbers are stored in."""


def adapter_bytes(adapter: Adapter, stored: str = "F32") -> bytes:
    """The whole file. Its alpha is that of the first pair: pairs of the same keep their B."""
    if any(pair.lengths is not None for pair in adapter.pairs.values()):
        raise Refused(NO_LENGTHS, IN_A_FOLDER)
    first = next(iter(adapter.pairs.values()))
    alpha = first.scale * first.rank
    arrays: dict[str, F32] = {}
    for name, pair in adapter.pairs.items():
        a, b = pair.a, pair.b * np.float32(pair.scale * pair.rank / alpha)
        if name == EMBEDDING:  # which llama.cpp stores transposed
            a, b = b, a.T
        arrays[name + A], arrays[name + B] = a, b
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
    """The adapter in `path`, its numbers too. InvalidFile for what llama.cpp would refuse."""
    found, meta = open_gguf(path), open_model(path).metadata
    pairs = {
        name: pair_of(change)
        for name, changes in found.changes.items()
        for change in changes
        if isinstance(change, LowRank)
    }
    about = {k.removeprefix(ABOUT): str(meta[k]) for k in meta if k.startswith(ABOUT)}
    return Adapter(found.architecture, pairs, about)


def pair_of(change: LowRank) -> Pair:
    """The matrices of a change, read."""
    return Pair(_read(change.right), _read(change.left), change.scale)


def _read(thin: Thin) -> F32:
    """The whole thin matrix."""
    tensor = thin.tensor
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        packed = np.frombuffer(file.read(tensor.nbytes), np.uint8).reshape(tensor.rows, -1)
    out = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed, out)
    return np.ascontiguousarray(out.T) if thin.turned else out
