"""Synthetic llama models of real shapes with the real Llama-3 vocabulary, for the merge bench.

Weights are Student-t noise from a fixed table, so that a block costs what real blocks cost.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from edgemed_native.codecs import encode_rows
from edgemed_native.ggml_types import BY_NAME, GGMLType

from edgemed.gguf import edit_metadata, open_model, plan_layout

STRING, UINT32, FLOAT32 = "string", "uint32", "float32"


class Shape(NamedTuple):
    """The dimensions of a llama model; `tied` models have no output tensor of their own."""

    layers: int
    width: int
    ffn: int
    heads: int
    kv_heads: int
    head: int
    tied: bool


SHAPES = {
    "tiny": Shape(4, 512, 1536, 8, 2, 64, True),
    "1b": Shape(16, 2048, 8192, 32, 8, 64, True),
    "8b": Shape(32, 4096, 14336, 32, 8, 128, False),
}

Spec = tuple[str, tuple[int, ...], GGMLType]


def more_bits(layer: int, layers: int) -> bool:
    """Where llama.cpp's Q4_K_M mix spends Q6_K on attn_v and ffn_down."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2


def tensors(shape: Shape, vocabulary: int, kind: str) -> Iterator[Spec]:
    """Names, shapes and types of a `Q4_K_M` or `F16` file, in llama.cpp's order."""
    matrix, more = ("F16", "F16") if kind == "F16" else ("Q4_K", "Q6_K")
    w, q, kv = shape.width, shape.heads * shape.head, shape.kv_heads * shape.head

    def spec(name: str, dims: tuple[int, ...], type_name: str) -> Spec:
        return name, dims, BY_NAME[type_name]

    yield spec("token_embd.weight", (w, vocabulary), more if shape.tied else matrix)
    for i in range(shape.layers):
        mixed = more if more_bits(i, shape.layers) else matrix
        yield spec(f"blk.{i}.attn_norm.weight", (w,), "F32")
        yield spec(f"blk.{i}.ffn_down.weight", (shape.ffn, w), mixed)
        yield spec(f"blk.{i}.ffn_gate.weight", (w, shape.ffn), matrix)
        yield spec(f"blk.{i}.ffn_up.weight", (w, shape.ffn), matrix)
        yield spec(f"blk.{i}.ffn_norm.weight", (w,), "F32")
        yield spec(f"blk.{i}.attn_k.weight", (w, kv), matrix)
        yield spec(f"blk.{i}.attn_output.weight", (q, w), matrix)
        yield spec(f"blk.{i}.attn_q.weight", (w, q), matrix)
        yield spec(f"blk.{i}.attn_v.weight", (w, kv), mixed)
    yield spec("output_norm.weight", (w,), "F32")
    if not shape.tied:
        yield spec("output.weight", (w, vocabulary), more)


def metadata(shape: Shape, vocabulary_file: Path) -> dict[str, bytes]:
    """The vocabulary file's own metadata with this shape's hyper-parameters."""
    model = open_model(vocabulary_file)
    numbers = {
        "block_count": shape.layers,
        "context_length": 8192,
        "embedding_length": shape.width,
        "feed_forward_length": shape.ffn,
        "attention.head_count": shape.heads,
        "attention.head_count_kv": shape.kv_heads,
        "attention.key_length": shape.head,
        "attention.value_length": shape.head,
        "rope.dimension_count": shape.head,
    }
    replace: dict[str, tuple[str, object]] = {f"llama.{k}": (UINT32, v) for k, v in numbers.items()}
    replace["llama.rope.freq_base"] = (FLOAT32, 500000.0)
    replace["llama.attention.layer_norm_rms_epsilon"] = (FLOAT32, 1e-5)
    replace["general.name"] = (STRING, "synthetic")
    replace["general.architecture"] = (STRING, "llama")
    return edit_metadata(model.metadata, replace=replace)


def write_model(path: Path, shape: Shape, kind: str, vocabulary_file: Path, seed: int) -> None:
    """Write one synthetic model; two seeds of one shape make a pair with differing weights."""
    raw = metadata(shape, vocabulary_file)
    count = len(open_model(vocabulary_file).metadata["tokenizer.ggml.tokens"])
    specs = list(tensors(shape, count, kind))
    layout = plan_layout(raw, specs)
    rng = np.random.default_rng(seed)
    noise = (rng.standard_t(6, 1 << 22) * 0.02).astype(np.float32)
    with path.open("wb") as file:
        file.write(layout.header)
        for (_, dims, kind_), offset in zip(specs, layout.offsets, strict=True):
            file.seek(offset)
            write_tensor(file, dims, kind_, noise, rng)
        file.truncate(layout.total_bytes)


def write_tensor(file, dims, kind: GGMLType, noise, rng) -> None:  # type: ignore[no-untyped-def]
    """Rows of shifted noise, encoded in pieces of at most the noise table."""
    length, rows = dims[0], int(np.prod(dims[1:], dtype=np.int64))
    at_once = max(1, len(noise) // length // 2)
    for first in range(0, rows, at_once):
        count = min(at_once, rows - first)
        start = int(rng.integers(0, len(noise) - count * length + 1))
        values = np.ascontiguousarray(noise[start : start + count * length].reshape(count, length))
        packed = np.empty((count, kind.row_bytes(length)), np.uint8)
        encode_rows(kind.name, values, packed)
        file.write(packed.data)
