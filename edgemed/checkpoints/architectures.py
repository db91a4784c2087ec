"""What llama.cpp calls each architecture of checkpoints, and what it requires of it: a table.

A row has the keys that are read from config.json, their defaults, and the values that llama.cpp
computes with whatever the file says. Source: conversion scripts and
src/models of llama.cpp; the values are transformers' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from edgemed.errors import Refused
from edgemed.printable import printable


class HeaderKey(NamedTuple):
    """A key of GGUF without the architecture's name, its type, and the name in config.json."""

    name: str
    kind: str
    source: str


@dataclass(frozen=True, slots=True)
class Architecture:
    """`names` are those of config.json. `only`: values that llama.cpp assumes. `tied`: whether
    the embedding is the head by default. `leaves_out`: beginnings of the names of tensors
    that belong to other parts than the language model."""

    names: tuple[str, ...]
    gguf: str
    keys: tuple[HeaderKey, ...]
    usual: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=lambda: MappingProxyType({}))
    tied: bool = False
    leaves_out: tuple[str, ...] = ()


COMMON = (
    HeaderKey("block_count", "uint32", "num_hidden_layers"),
    HeaderKey("context_length", "uint32", "max_position_embeddings"),
    HeaderKey("embedding_length", "uint32", "hidden_size"),
    HeaderKey("feed_forward_length", "uint32", "intermediate_size"),
    HeaderKey("attention.head_count", "uint32", "num_attention_heads"),
    HeaderKey("attention.head_count_kv", "uint32", "num_key_value_heads"),
    HeaderKey("attention.layer_norm_rms_epsilon", "float32", "rms_norm_eps"),
)
HEAD = (
    HeaderKey("attention.key_length", "uint32", "head_dim"),
    HeaderKey("attention.value_length", "uint32", "head_dim"),
)
VOCABULARY = (
    HeaderKey("vocab_size", "uint32", "vocab_size"),
    HeaderKey("rope.dimension_count", "uint32", "rope_dimensions"),
)
USED = HeaderKey("expert_used_count", "uint32", "num_experts_per_tok")
EXPERTS = (
    HeaderKey("expert_count", "uint32", "num_experts"),
    USED,
    HeaderKey("expert_feed_forward_length", "uint32", "moe_intermediate_size"),
)
SHARED = HeaderKey("expert_shared_feed_forward_length", "uint32", "shared_expert_intermediate_size")
WINDOW = HeaderKey("attention.sliding_window", "uint32", "sliding_window")
CAPS = (
    HeaderKey("attn_logit_softcapping", "float32", "attn_logit_softcapping"),
    HeaderKey("final_logit_softcapping", "float32", "final_logit_softcapping"),
)
LONG = HeaderKey(
    "rope.scaling.original_context_length", "uint32", "original_max_position_embeddings"
)

SILU = {"hidden_act": ("silu", "swish")}
GELU = {"hidden_activation": ("gelu_pytorch_tanh", None)}
EVERY_BLOCK = {"decoder_sparse_step": (1,), "mlp_only_layers": ([],)}

ARCHITECTURES = (
    Architecture(
        ("LlamaForCausalLM", "MistralForCausalLM"), "llama",
        (*COMMON, *HEAD, *VOCABULARY),
        {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu"}, SILU,
    ),
    Architecture(
        ("MixtralForCausalLM",), "llama",
        (*COMMON, *VOCABULARY, HeaderKey("expert_count", "uint32", "num_local_experts"), USED),
        {"rms_norm_eps": 1e-5, "rope_theta": 1e6, "hidden_act": "silu"}, SILU,
    ),
    Architecture(
        ("Qwen2ForCausalLM",), "qwen2", COMMON,
        {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu"}, SILU,
    ),
    Architecture(
        ("Qwen3ForCausalLM",), "qwen3", (*COMMON, *HEAD),
        {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu", "head_dim": 128}, SILU,
    ),
    Architecture(
        ("Qwen2MoeForCausalLM",), "qwen2moe", (*COMMON, *EXPERTS, SHARED),
        {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu",
         "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": False},
        SILU | EVERY_BLOCK | {"norm_topk_prob": (False,)},
    ),
    Architecture(
        ("Qwen3MoeForCausalLM",), "qwen3moe", (*COMMON, *HEAD, *EXPERTS),
        {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu",
         "decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": False},
        SILU | EVERY_BLOCK | {"norm_topk_prob": (True,)},
    ),
    Architecture(
        ("Gemma2ForCausalLM",), "gemma2", (*COMMON, *HEAD, *CAPS, WINDOW),
        {"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "head_dim": 256, "sliding_window": 4096,
         "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
         "query_pre_attn_scalar": 256},
        GELU, tied=True,
    ),
    Architecture(
        ("Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"), "gemma3",
        (*COMMON, *HEAD, CAPS[1], WINDOW),
        {"rms_norm_eps": 1e-6, "rope_theta": 1e6, "rope_local_base_freq": 10000.0, "head_dim": 256,
         "sliding_window": 4096, "sliding_window_pattern": 6, "num_attention_heads": 8,
         "num_key_value_heads": 4, "max_position_embeddings": 131072, "vocab_size": 262208,
         "query_pre_attn_scalar": 256},
        GELU | {"attn_logit_softcapping": (None,), "sliding_window_pattern": (6,),
                "use_bidirectional_attention": (False, None)},
        tied=True, leaves_out=("vision_tower.", "multi_modal_projector."),
    ),
    Architecture(
        ("Phi3ForCausalLM",), "phi3",
        (*COMMON, HeaderKey("rope.dimension_count", "uint32", "rope_dimensions"), LONG, WINDOW),
        {"rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
         "original_max_position_embeddings": 4096}, SILU,
    ),
)  # fmt: skip

BY_NAME = {name: row for row in ARCHITECTURES for name in row.names}


def architecture_of(config: Mapping[str, Any], what: str) -> Architecture:
    """The row of a checkpoint; Refused by name for one that is not in the table."""
    named = config.get("architectures")
    names = [str(name) for name in named] if isinstance(named, list) and named else []
    if len(names) == 1 and names[0] in BY_NAME:
        return BY_NAME[names[0]]
    shown = printable(", ".join(names)[:200]) or "nothing"
    raise Refused(
        f"{what} is a {shown} checkpoint, which edgemed does not convert",
        f"it converts {', '.join(BY_NAME)}; for others use llama.cpp's convert_hf_to_gguf.py",
    )
