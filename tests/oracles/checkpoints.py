"""Small random checkpoints of every architecture that edgemed converts, made with transformers.

Their tokenizer is a SentencePiece model of a few hundred pieces, trained on a short text. Nothing
in them is trained but that.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import sentencepiece
import torch
import transformers

PIECES, ROWS = 340, 352
"""Pieces of the tokenizer, and rows of the embedding: the others stand for nothing."""

CARD = """---
license: apache-2.0
language:
- en
base_model: someone/Small-2B
tags:
- test
---
# A random model
"""

SETTINGS = {"temperature": 0.5, "top_k": 40, "top_p": 0.9}

TEXT = """
The patient is a 63 year old man with chest pain for two days. Blood pressure 142/91, pulse 88.
He takes metoprolol 50 mg twice a day and aspirin 81 mg. No allergies. No fever, cough or dyspnea.
The troponin was 0.02 ng/mL and the electrocardiogram showed no change since the last visit.
He was seen again after six hours, was free of pain, and went home with a follow-up in a week.
She had a history of asthma and came with a cough, wheezing and a temperature of 38.4 degrees.
Chest radiograph without consolidation. Treated with salbutamol and prednisolone for five days.
"""


class Kind(NamedTuple):
    """A class of transformers, what its config has besides SIZES, and how it is saved."""

    name: str
    config: Mapping[str, Any] = MappingProxyType({})
    dtype: str = "bfloat16"
    shard: str = "1GB"


SIZES: dict[str, Any] = {
    "vocab_size": ROWS, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None, "tie_word_embeddings": True,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}
YARN = {
    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
    "original_max_position_embeddings": 128,
}  # fmt: skip
LONG = {
    "rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.02, 1.05, 1.1],
    "long_factor": [1.0, 1.25, 2.0, 4.0], "original_max_position_embeddings": 256,
}  # fmt: skip
TWO = {"num_hidden_layers": 2}
OWN_HEAD = {"tie_word_embeddings": False}
GEMMA = {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 64}
GEMMA_LINEAR = {
    "full_attention": {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}
EXPERTS = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
SHARED = {"shared_expert_intermediate_size": 24, "norm_topk_prob": False}

KINDS: dict[str, Kind] = {
    "llama2": Kind("Llama", OWN_HEAD | TWO, "float16"),
    "llama3": Kind("Llama", {"rope_parameters": LLAMA3}),
    "llama-biases": Kind(
        "Llama", {"rope_parameters": LINEAR, "attention_bias": True, "mlp_bias": True}
    ),
    "llama-heads": Kind("Llama", {"head_dim": 12}, "float16"),
    "mistral": Kind("Mistral", TWO | {"sliding_window": 256}, shard="20KB"),
    "mixtral": Kind("Mixtral", {"num_local_experts": 3, "num_experts_per_tok": 2}),
    "qwen2": Kind("Qwen2"),
    "qwen2-yarn": Kind("Qwen2", OWN_HEAD | {"rope_parameters": YARN}, "float32"),
    "qwen3": Kind("Qwen3", {"head_dim": 16}),
    "qwen2moe": Kind("Qwen2Moe", OWN_HEAD | EXPERTS | SHARED, shard="20KB"),
    "qwen3moe": Kind("Qwen3Moe", EXPERTS | {"head_dim": 16, "norm_topk_prob": True}),
    "gemma2": Kind("Gemma2", GEMMA | TWO),
    "gemma3": Kind("Gemma3", GEMMA),
    "gemma3-7": Kind("Gemma3", GEMMA | {"num_hidden_layers": 7}, "float32"),
    "gemma3-linear": Kind(
        "Gemma3", GEMMA | {"num_hidden_layers": 7, "rope_parameters": GEMMA_LINEAR}
    ),
    "phi3": Kind("Phi3", OWN_HEAD | {"sliding_window": 256}, "float32"),
    "phi3-long": Kind(
        "Phi3",
        {"rope_parameters": LONG, "original_max_position_embeddings": 256, "sliding_window": None},
    ),
}

KEPT = (
    "llama2", "llama3", "llama-biases", "mistral", "mixtral", "qwen2", "qwen3", "qwen2moe",
    "qwen3moe", "gemma2", "gemma3", "phi3-long",
)  # fmt: skip
"""Those that the tests use."""


def make(folder: Path, kind: Kind) -> Any:
    """Write the checkpoint into a new folder; returns the model as it is read, in float32."""
    name = "Gemma3Text" if kind.name == "Gemma3" else kind.name
    config = getattr(transformers, f"{name}Config")(**(SIZES | kind.config))
    torch.manual_seed(7)
    model = getattr(transformers, f"{kind.name}ForCausalLM")(config).eval()
    with torch.no_grad():
        for word, values in model.named_parameters():
            scale = 0.1 if "norm" in word or word.endswith("bias") else 0.06
            usual = 1.0 if "norm" in word and "Gemma" not in kind.name else 0.0
            values.copy_(usual + scale * torch.randn(values.shape))
    model.to(getattr(torch, kind.dtype)).save_pretrained(folder, max_shard_size=kind.shard)
    (folder / "README.md").write_text(CARD)
    (folder / "generation_config.json").write_text(json.dumps(SETTINGS))
    return type(model).from_pretrained(folder, dtype=torch.float32).eval()


def write_tokenizer(path: Path, space: bool = True) -> None:
    """A tokenizer.model in llama's way: byte fallback, no normalization. `space`: one goes before
    a text; gemma's adds none."""
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXT.strip().splitlines()), model_writer=file,
            vocab_size=PIECES, model_type="bpe", byte_fallback=True, character_coverage=1.0,
            normalization_rule_name="identity",
            user_defined_symbols=["<|endoftext|>"], remove_extra_whitespaces=False,
            add_dummy_prefix=space, num_threads=1, minloglevel=2,
        )  # fmt: skip
