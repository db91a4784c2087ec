"""The sizes of a decoder-only transformer that training needs, from a GGUF header."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("llama", "qwen2", "qwen3")


@dataclass(frozen=True, slots=True)
class Shape:
    """`interleaved`: rotary pairs are neighbours (llama), else half a head apart (qwen).

    `head` is the length of one head. `rope_base` and `rope_scale` as in the header.
    """

    kind: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int
    rope_base: float
    rope_scale: float
    epsilon: float
    context: int

    @property
    def interleaved(self) -> bool:
        return self.kind == "llama"


class Unsupported(ValueError):
    """This code cannot train the model; the text says why."""


def shape_of(metadata: Mapping[str, Any]) -> Shape:
    """The shape in GGUF `metadata`; Unsupported if this code cannot compute such a model."""
    kind = str(metadata.get("general.architecture", ""))
    if kind not in KINDS:
        raise Unsupported(f"the architecture is {kind!r}; {', '.join(KINDS)} can be adapted")

    def number(name: str, default: Any = None) -> Any:
        value = metadata.get(f"{kind}.{name}", default)
        if value is None:
            raise Unsupported(f"the header has no {kind}.{name}")
        return value

    if int(number("expert_count", 0)):
        raise Unsupported("mixtures of experts cannot be adapted")
    scaling = str(number("rope.scaling.type", "none"))
    if scaling not in ("none", "linear"):
        raise Unsupported(f"rope scaling of type {scaling!r} cannot be adapted")
    width, heads = int(number("embedding_length")), int(number("attention.head_count"))
    head = int(number("attention.key_length", width // heads))
    if int(number("attention.value_length", head)) != head:
        raise Unsupported("keys and values of different lengths cannot be adapted")
    if int(number("rope.dimension_count", head)) != head:
        raise Unsupported("rotary embeddings over a part of a head cannot be adapted")
    return Shape(
        kind=kind,
        layers=int(number("block_count")),
        width=width,
        heads=heads,
        kv_heads=int(number("attention.head_count_kv", heads)),
        head=head,
        rope_base=float(number("rope.freq_base", 10000.0)),
        rope_scale=float(number("rope.scaling.factor", 1.0)) if scaling == "linear" else 1.0,
        epsilon=float(number("attention.layer_norm_rms_epsilon")),
        context=int(number("context_length")),
    )
