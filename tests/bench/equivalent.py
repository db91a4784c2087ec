"""The same llama model in another form: what it computes is equal, its rows of weights are not.

The dimensions of the residual stream change places and signs, and so do the neurons of every
feed-forward layer; norms move along. A quantizer meets other blocks, and makes other errors, in
each form: what one form shows by luck, several do not.
"""

from pathlib import Path

import numpy as np
from edgemed_native.codecs import decode_rows, encode_rows
from edgemed_native.ggml_types import BY_NAME
from numpy.typing import NDArray

from edgemed.gguf import Model, edit_metadata, open_model, plan_layout

F32 = NDArray[np.float32]

WRITERS = ("attn_output.", "ffn_down.")
READERS = ("token_embd", "output.", "attn_q.", "attn_k.", "attn_v.", "ffn_gate.", "ffn_up.")
"""Matrices whose rows, and whose columns, are dimensions of the residual stream."""


def write_form(source: Path, out: Path, seed: int) -> None:
    """Write the model as F16 (norms as F32) in the form of `seed`; 0 is its own."""
    model = open_model(source)
    weights = {name: decoded(model, name) for name in model.tensors}
    if seed:
        turn(weights, np.random.default_rng(seed))
    kinds = {name: BY_NAME["F16" if x.ndim > 1 else "F32"] for name, x in weights.items()}
    specs = [(name, x.shape[::-1], kinds[name]) for name, x in weights.items()]
    raw = edit_metadata(model.metadata, {"general.file_type": ("uint32", 1)})
    layout = plan_layout(raw, specs)
    with out.open("wb") as file:
        file.write(layout.header)
        for (name, x), offset in zip(weights.items(), layout.offsets, strict=True):
            rows = np.ascontiguousarray(np.atleast_2d(x))
            packed = np.empty((len(rows), kinds[name].row_bytes(rows.shape[1])), np.uint8)
            encode_rows(kinds[name].name, rows, packed)
            file.seek(offset)
            file.write(packed.data)
        file.truncate(layout.total_bytes)


def decoded(model: Model, name: str) -> F32:
    """f32[rows, columns], or f32[columns] of a norm."""
    tensor = model.tensors[name]
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        raw = np.frombuffer(file.read(tensor.nbytes), np.uint8)
    x = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, raw.reshape(tensor.rows, -1), x)
    return x.reshape(tensor.shape[::-1])


def turn(weights: dict[str, F32], rng: np.random.Generator) -> None:
    """Change places and signs, in place of the old weights."""
    place, sign = drawn(len(weights["output_norm.weight"]), rng)
    for name, x in weights.items():
        if "norm" in name:
            weights[name] = x[place]
        elif any(part in name for part in WRITERS):
            weights[name] = x[place] * sign[:, None]
        elif any(part in name for part in READERS):
            weights[name] = x[:, place] * sign
    for name in [name for name in weights if "ffn_down." in name]:
        gate, up = (name.replace("ffn_down", part) for part in ("ffn_gate", "ffn_up"))
        place, sign = drawn(len(weights[gate]), rng)
        weights[gate] = weights[gate][place]
        weights[up] = weights[up][place] * sign[:, None]
        weights[name] = weights[name][:, place] * sign


def drawn(n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], F32]:
    """A permutation of n, and n signs."""
    return rng.permutation(n), rng.choice(np.array([-1, 1], np.float32), n)
