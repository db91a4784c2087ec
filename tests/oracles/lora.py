"""PEFT's own folds of adapters of every kind, for small random models.

    pip install -e '.[oracles]' && python -m tests.oracles.lora [FOLDER]

writes into FOLDER (else tests/edgemed/data/lora) for every kind: the adapter as PEFT saves it, the
GGUF file of its base in float32, and what `merge_and_unload` makes of it in float64, under GGUF's
names and in its order of rows.
"""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from tests.edgemed.gguf_files import TensorSpec, write_gguf

FIXTURES = Path(__file__).parents[1] / "edgemed" / "data" / "lora"
WIDTH, INNER, HEADS, KV_HEADS, WORDS = 16, 24, 4, 2, 32


class Kind(NamedTuple):
    """An architecture, what its base is like, and the adapter."""

    architecture: str
    lora: dict[str, Any]
    base: Mapping[str, Any] = MappingProxyType({})


APART = {"tie_word_embeddings": False}
"""PEFT folds what it trained on a tied head into the embedding too, which was not trained: so it
works on a copy of the head here, while the base's file has none."""
TIED = ("gemma2", "gpt2")
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS: dict[str, Kind] = {
    "plain": Kind("llama", {"target_modules": ALL}),
    "rooted": Kind("llama", {"target_modules": ["q_proj", "up_proj"], "use_rslora": True}),
    "patterns": Kind(
        "llama",
        {
            "target_modules": ["q_proj", "v_proj", "down_proj"],
            "rank_pattern": {"v_proj": 3},
            "alpha_pattern": {"layers.0.self_attn.q_proj": 7, "^model.*down_proj": 2},
        },
    ),
    "dora": Kind("llama", {"target_modules": ALL, "use_dora": True}),
    "embedding": Kind("llama", {"target_modules": ["embed_tokens", "q_proj"]}),
    "embedding_dora": Kind(
        "llama", {"target_modules": ["embed_tokens", "k_proj"], "use_dora": True}
    ),
    "head": Kind("llama", {"target_modules": ["lm_head", "q_proj"]}),
    "tied_head": Kind("llama", {"target_modules": ["lm_head"]}, {"tie_word_embeddings": True}),
    "whole": Kind(
        "llama",
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head", "embed_tokens", "k_proj"]},
    ),
    "whole_tied": Kind(
        "llama",
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"tie_word_embeddings": True},
    ),
    "norms": Kind("llama", {"target_modules": ["q_proj"], "modules_to_save": ["norm"]}),
    "biases": Kind(
        "llama", {"target_modules": ["q_proj", "k_proj"], "bias": "all"}, {"attention_bias": True}
    ),
    "lora_bias": Kind(
        "llama",
        {"target_modules": ["q_proj", "k_proj"], "lora_bias": True},
        {"attention_bias": True},
    ),
    "qwen2": Kind("qwen2", {"target_modules": ALL}),
    "gemma2": Kind("gemma2", {"target_modules": ALL, "modules_to_save": ["norm"]}),
    "phi3": Kind("phi3", {"target_modules": ["qkv_proj", "gate_up_proj"]}),
    "gpt2": Kind("gpt2", {"target_modules": ["c_attn", "c_fc"], "fan_in_fan_out": True}),
    "gpt2_dora": Kind(
        "gpt2", {"target_modules": ["c_attn"], "fan_in_fan_out": True, "use_dora": True}
    ),
    "mixtral": Kind(
        "mixtral",
        {"target_modules": ["q_proj", "experts.0.w1", "experts.2.w1", "experts.2.w2", "gate"]},
    ),
    "mixtral_dora": Kind("mixtral", {"target_modules": ["w1", "w3"], "use_dora": True}),
    "qwen2moe": Kind(
        "qwen2moe",
        {
            "target_modules": ["q_proj", "gate_proj", "down_proj"],
            "rank_pattern": {r"experts\.1\.down_proj": 3},
        },
    ),
}
EXPERTS, ROUTED = 3, INNER
"""Experts in a block, and the inner width of each, by which llama.cpp reads them all."""


class Experts(torch.nn.Module):
    """Matrices under the names that mixtures of experts had before transformers put all experts of
    a block into one parameter; adapters of that time name single experts. It computes nothing."""

    def __init__(self, outside: str, parts: dict[str, tuple[int, int]], shared: str) -> None:
        super().__init__()
        modules = torch.nn.ModuleDict

        def linear(rows: int, length: int) -> torch.nn.Linear:
            return torch.nn.Linear(length, rows, bias=False)

        def each() -> torch.nn.Module:
            return modules({name: linear(*shape) for name, shape in parts.items()})

        inside: dict[str, torch.nn.Module] = {
            "gate": linear(EXPERTS, WIDTH),
            "experts": torch.nn.ModuleList([each() for _ in range(EXPERTS)]),
        }
        if shared:
            inside[shared] = each()
        narrow = WIDTH * KV_HEADS // HEADS
        rows = {"q_proj": WIDTH, "k_proj": narrow, "v_proj": narrow, "o_proj": WIDTH}
        layer = modules({
            "self_attn": modules({name: linear(n, WIDTH) for name, n in rows.items()}),
            outside: modules(inside),
            "input_layernorm": torch.nn.RMSNorm(WIDTH),
            "post_attention_layernorm": torch.nn.RMSNorm(WIDTH),
        })  # fmt: skip
        inner: dict[str, torch.nn.Module] = {
            "embed_tokens": torch.nn.Embedding(WORDS, WIDTH),
            "layers": torch.nn.ModuleList([layer]),
            "norm": torch.nn.RMSNorm(WIDTH),
        }
        self.model = modules(inner)
        self.lm_head = linear(WORDS, WIDTH)


MIXTRAL = {"w1": (ROUTED, WIDTH), "w2": (WIDTH, ROUTED), "w3": (ROUTED, WIDTH)}
QWEN = {"gate_proj": MIXTRAL["w1"], "down_proj": MIXTRAL["w2"], "up_proj": MIXTRAL["w3"]}


def model_of(kind: Kind) -> Any:
    """A random model, in float32."""
    torch.manual_seed(1)
    usual = {
        "vocab_size": WORDS, "hidden_size": WIDTH, "intermediate_size": INNER,
        "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "tie_word_embeddings": False, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    match kind.architecture:
        case "llama":
            made = LlamaForCausalLM(LlamaConfig(**usual | kind.base | APART))
        case "qwen2":
            made = Qwen2ForCausalLM(Qwen2Config(**usual | kind.base))
        case "gemma2":
            tied = {"head_dim": 4, "tie_word_embeddings": True}
            made = Gemma2ForCausalLM(Gemma2Config(**usual | tied | kind.base))
        case "mixtral":
            made = Experts("block_sparse_moe", MIXTRAL, "")
        case "qwen2moe":
            made = Experts("mlp", QWEN, "shared_expert")
        case "phi3":
            made = Phi3ForCausalLM(Phi3Config(**usual | kind.base))
        case _:
            made = GPT2LMHeadModel(GPT2Config(vocab_size=WORDS, n_embd=WIDTH, n_layer=1, n_head=4))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
        if kind.base.get("tie_word_embeddings"):
            made.lm_head.weight.copy_(made.model.embed_tokens.weight)
    if kind.architecture in TIED:
        made.tie_weights()
    return made.float()


def adapted(kind: Kind, base: Any) -> Any:
    """PEFT's model, every trained number drawn anew."""
    made = get_peft_model(base, LoraConfig(r=2, lora_alpha=5, **kind.lora))
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.requires_grad:
                drawn = torch.randn_like(parameter) * 0.3
                parameter.copy_(drawn.abs() + 0.5 if "magnitude" in name else drawn)
    return made


def plain_state(model: Any, tied: bool) -> dict[str, np.ndarray]:
    """Every tensor under transformers' name, f64; a tied head is left out."""
    found = {n: p.detach().double().numpy().copy() for n, p in model.state_dict().items()}
    head = "lm_head.weight"
    if tied and head in found:
        other = next(n for n in found if n.endswith(("embed_tokens.weight", "wte.weight")))
        if np.array_equal(found[head], found[other]):
            found.pop(head)
    return found


def converted(architecture: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """GGUF's names, order of rows and norms, by the rules of llama.cpp's conversion scripts."""
    from gguf import MODEL_ARCH_NAMES
    from gguf.tensor_mapping import get_tensor_name_map

    word = next(a for a, w in MODEL_ARCH_NAMES.items() if w == GGUF.get(architecture, architecture))
    names = get_tensor_name_map(word, 1)
    found = {}
    for name, values in stacked(state).items():
        if name.endswith((".attn.bias", ".masked_bias", "rotary_emb.inv_freq")):
            continue
        gguf_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert gguf_name is not None, name
        if architecture in ("llama", "mixtral") and "attn_q." in gguf_name:
            values = permuted(values, HEADS)
        if architecture in ("llama", "mixtral") and "attn_k." in gguf_name:
            values = permuted(values, KV_HEADS)
        if architecture == "gemma2" and "norm" in gguf_name:
            values = values + 1
        if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            values = values.T
        found[gguf_name] = values
    return found


def stacked(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The matrices of all experts of a block one behind the other, under the name for them all."""
    found: dict[str, Any] = {}
    for name, values in state.items():
        whole = re.sub(r"experts\.\d+\.", "experts.", name)
        whole = whole.replace("model.layers.0.block_sparse_moe.experts", LATER)
        if "experts." in name:
            found.setdefault(whole, []).append(values)
        else:
            found[name] = values
    return {name: np.stack(v) if isinstance(v, list) else v for name, v in found.items()}


LATER = "layers.0.feed_forward.experts"
GGUF = {"mixtral": "llama"}
"""Architectures that GGUF calls otherwise."""


def permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """As conversion scripts do: the halves of a head become neighbours."""
    split = values.reshape(heads, 2, len(values) // heads // 2, *values.shape[1:])
    return split.swapaxes(1, 2).reshape(values.shape)


def metadata(architecture: str) -> dict[str, tuple[str, Any]]:
    """What a header must say for the names and orders to be known."""
    numbers = {
        "context_length": 64, "embedding_length": WIDTH, "block_count": 1,
        "feed_forward_length": INNER, "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS, "rope.dimension_count": WIDTH // HEADS,
    }  # fmt: skip
    tokens = [f"w{i}" for i in range(WORDS)]
    if architecture in ("mixtral", "qwen2moe"):
        numbers |= {"expert_count": EXPERTS, "expert_used_count": 2}
    architecture = GGUF.get(architecture, architecture)
    return {
        "general.architecture": ("string", architecture),
        **{f"{architecture}.{key}": ("uint32", n) for key, n in numbers.items()},
        f"{architecture}.attention.layer_norm_rms_epsilon": ("float32", 1e-5),
        "tokenizer.ggml.model": ("string", "llama"),
        "tokenizer.ggml.tokens": ("string[]", tokens),
        "tokenizer.ggml.scores": ("float32[]", [float(-i) for i in range(WORDS)]),
        "tokenizer.ggml.token_type": ("int32[]", [1] * WORDS),
    }


def specs(tensors: dict[str, np.ndarray]) -> dict[str, TensorSpec]:
    return {n: ("F32", v.shape[::-1], v.astype("<f4").tobytes()) for n, v in tensors.items()}


def write(folder: Path, name: str, kind: Kind) -> None:
    """The base, the adapter and PEFT's fold of one kind."""
    shutil.rmtree(folder / name, ignore_errors=True)
    base = model_of(kind)
    tied = bool(kind.base.get("tie_word_embeddings")) or kind.architecture in TIED
    before = plain_state(base, tied)
    model = adapted(kind, base)
    model.save_pretrained(folder / name)
    (folder / name / "README.md").unlink(missing_ok=True)
    merged = model.double().merge_and_unload()
    after = converted(kind.architecture, plain_state(merged, tied))
    tensors = converted(kind.architecture, before)
    write_gguf(folder / name / "base.gguf", metadata(kind.architecture), specs(tensors))
    found = {n: v for n, v in after.items() if changed(n, v, tensors)}
    np.savez_compressed(folder / name / "merged.npz", **found)
    config = folder / name / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()), sort_keys=True) + "\n")
    print(name, len(found), "tensors change")


def changed(name: str, values: np.ndarray, before: dict[str, np.ndarray]) -> bool:
    """Whether the fold changed it, or made it."""
    return name not in before or not np.array_equal(before[name], values)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if sys.argv[1:] else FIXTURES
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in KINDS.items():
        write(folder, name, kind)
