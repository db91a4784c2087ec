"""The sizes in a model's header that decide whether it fits: layers, heads, bytes, vocabulary."""

import platform
from collections.abc import Mapping
from typing import Any

from edgemed_models.engine.fit import CONTEXT_STEP
from edgemed_models.engine.memory_plan import Layer, ModelSizes

from edgemed.errors import Refused
from edgemed.gguf import Model

# Tensor types that llama.cpp copies into a faster layout, by kind of CPU.
REPACKED = {
    "x86": frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}),
    "arm": frozenset({"Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4"}),
}


def shape_of(model: Model) -> ModelSizes:
    """The sizes in a header. Raises Refused for a file that holds no transformer with weights."""
    meta = model.metadata
    arch = str(meta.get("general.architecture", ""))
    count = whole(meta, f"{arch}.block_count")
    width = whole(meta, f"{arch}.embedding_length")
    if not model.tensors or not count or not width:
        raise Refused("the file holds no model that can run", "give a GGUF file with weights")
    heads = per_layer(meta, f"{arch}.attention.head_count", count, 1)
    kv_heads = per_layer(meta, f"{arch}.attention.head_count_kv", count, max(heads))
    key = whole(meta, f"{arch}.attention.key_length") or width // max(heads)
    value = whole(meta, f"{arch}.attention.value_length") or width // max(heads)
    sizes = layer_sizes(model, count)
    output = model.tensors.get("output.weight") or model.tensors.get("token_embd.weight")
    kind = REPACKED["arm" if platform.machine().lower() in ("arm64", "aarch64") else "x86"]
    return ModelSizes(
        layers=tuple(Layer(sizes[i], kv_heads[i], key, value) for i in range(count)),
        other_bytes=sum(t.nbytes for t in model.tensors.values()) - sum(sizes),
        output_bytes=output.nbytes if output is not None else 0,
        tied="output.weight" not in model.tensors,
        repackable=sum(t.nbytes for t in model.tensors.values() if t.type.name in kind),
        width=width,
        inner=max(per_layer(meta, f"{arch}.feed_forward_length", count, 4 * width)),
        heads=max(heads),
        head_length=key,
        vocabulary=vocabulary_of(model),
        train_context=whole(meta, f"{arch}.context_length") or CONTEXT_STEP,
    )


def layer_sizes(model: Model, count: int) -> list[int]:
    """Bytes of the tensors of each block."""
    sizes = [0] * count
    for name, tensor in model.tensors.items():
        parts = name.split(".")
        if parts[0] == "blk" and parts[1].isdigit() and int(parts[1]) < count:
            sizes[int(parts[1])] += tensor.nbytes
    return sizes


def vocabulary_of(model: Model) -> int:
    """Tokens of the vocabulary: rows of the embedding."""
    embedding = model.tensors.get("token_embd.weight")
    return embedding.rows if embedding is not None else 0


def whole(meta: Mapping[str, Any], key: str) -> int:
    """A whole number of the header; 0 if it has none."""
    value = meta.get(key, 0)
    return int(value) if isinstance(value, int) else 0


def per_layer(meta: Mapping[str, Any], key: str, count: int, default: int) -> list[int]:
    """A number for each layer: headers give one for all, or a list."""
    value = meta.get(key, default)
    if isinstance(value, int):
        return [value] * count
    values = [int(v) for v in value]
    return values if len(values) == count else [max(values, default=default)] * count
