"""Losses and LoRA gradients by transformers and PEFT, for the tiny decoders of the tests.

    pip install -e '.[oracles]' && python -m tests.oracles.train

writes tests/edgemed/data/lora_gradients.npz: per kind of adapter and architecture the summed loss
over the answers, and the gradient of every A and B, and of the lengths of DoRA, in GGUF's order of
rows. GGUF's llama has the rows of q and k in
another order than transformers (neighbours turn together, not halves); here they are put back.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.edgemed import tiny_decoders as tiny

FIXTURE = Path(__file__).parents[1] / "edgemed" / "data" / "lora_gradients.npz"
MODELS = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}
WAYS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
}
PLACES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
}  # fmt: skip
WHOLE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}


def place(name: str) -> str:
    """The name in transformers."""
    if name in WHOLE:
        return WHOLE[name]
    _, layer, part, ending = [*name.split("."), ""][:4]
    return f"model.layers.{layer}.{PLACES[part]}.{ending}".rstrip(".")


def turned(name: str, kind: str) -> int:
    """Heads whose rows are in another order, or 0."""
    heads = {"attn_q": tiny.HEADS, "attn_k": tiny.KV_HEADS}
    return heads.get(name.split(".")[2] if name.startswith("blk") else "", 0) * (kind == "llama")


def halves(rows: Any, heads: int) -> Any:
    """Rows of GGUF's llama in the order of transformers."""
    if not heads:
        return rows
    split = rows.reshape(heads, -1, 2, *rows.shape[1:])
    return split.swapaxes(1, 2).reshape(rows.shape)


def neighbours(rows: Any, heads: int) -> Any:
    """The way back."""
    if not heads:
        return rows
    split = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return split.swapaxes(1, 2).reshape(rows.shape)


def model_of(kind: str, way: str) -> Any:
    """transformers' model with the file's numbers, and PEFT's adapters with the test's."""
    config, cls = MODELS[kind]
    made = cls(
        config(
            vocab_size=tiny.WORDS, hidden_size=tiny.WIDTH, intermediate_size=tiny.INNER,
            num_hidden_layers=tiny.LAYERS, num_attention_heads=tiny.HEADS,
            num_key_value_heads=tiny.KV_HEADS, head_dim=tiny.head(kind),
            rms_norm_eps=tiny.EPSILON, max_position_embeddings=64,
            rope_parameters={"rope_type": "default", "rope_theta": tiny.ROPE_BASE},
            tie_word_embeddings=kind == "qwen3", attn_implementation="eager",
        )
    )  # fmt: skip
    state = {
        place(name): torch.tensor(halves(values, turned(name, kind)))
        for name, values in tiny.weights(kind).items()
    }
    missing, unexpected = made.load_state_dict(state, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    made.tie_weights()
    targets = [PLACES[p].split(".")[1] for p in PLACES if "norm" not in p]
    lora = LoraConfig(r=tiny.RANK, lora_alpha=tiny.ALPHA, target_modules=targets, **WAYS[way])
    adapted = get_peft_model(made.float(), lora)
    for name, (a, b) in tiny.pairs(kind).items():
        module = adapted.base_model.model.get_submodule(place(name))
        module.lora_A["default"].weight.data = torch.tensor(a)
        module.lora_B["default"].weight.data = torch.tensor(halves(b, turned(name, kind)))
        if way == "dora":
            lengths = halves(tiny.lengths(kind)[name], turned(name, kind))
            module.lora_magnitude_vector["default"].weight.data = torch.tensor(lengths)
    return adapted


def measured(kind: str, way: str) -> dict[str, Any]:
    """The loss, and gradients by `way/kind/name.a`, `.b` and `.lengths`."""
    model, total, at = model_of(kind, way), torch.zeros(()), f"{way}/{kind}"
    for ids, answer in zip(tiny.sequences(), tiny.ANSWERS, strict=True):
        logits = model(input_ids=torch.tensor([ids])).logits[0]
        wanted = torch.tensor(ids[-answer:])
        total = total + functional.cross_entropy(logits[-answer - 1 : -1], wanted, reduction="sum")
    total.backward()
    found: dict[str, Any] = {f"{at}/loss": np.float64(total.item())}
    for name in tiny.pairs(kind):
        module = model.base_model.model.get_submodule(place(name))
        b = module.lora_B["default"].weight.grad.numpy()
        found[f"{at}/{name}.a"] = module.lora_A["default"].weight.grad.numpy()
        found[f"{at}/{name}.b"] = neighbours(b, turned(name, kind))
        if way == "dora":
            lengths = module.lora_magnitude_vector["default"].weight.grad.numpy()
            found[f"{at}/{name}.lengths"] = neighbours(lengths, turned(name, kind))
    return found


if __name__ == "__main__":
    every: dict[str, Any] = {}
    for way, kind in product(WAYS, tiny.KINDS):
        every |= measured(kind, way)
        print(way, kind, every[f"{way}/{kind}/loss"])
    np.savez_compressed(FIXTURE, **every)
    print(FIXTURE, FIXTURE.stat().st_size)
