"""Tiny llama files that llama.cpp loads, to be changed one thing at a time."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.edgemed.gguf_files import TensorSpec, write_gguf

WIDTH, INNER, HEADS, KV_HEADS = 32, 64, 4, 2
WORDS = 64

Metadata = dict[str, tuple[str, Any]]
Tensors = dict[str, TensorSpec]


def pieces() -> Metadata:
    """A SentencePiece vocabulary of 64 tokens."""
    tokens = ["<unk>", "<s>", "</s>", "<0x0A>", *(f"▁w{i}" for i in range(WORDS - 4))]
    return {
        "tokenizer.ggml.model": ("string", "llama"),
        "tokenizer.ggml.tokens": ("string[]", tokens),
        "tokenizer.ggml.scores": ("float32[]", [float(-i) for i in range(WORDS)]),
        "tokenizer.ggml.token_type": ("int32[]", [2, 3, 3, 6, *[1] * (WORDS - 4)]),
        "tokenizer.ggml.bos_token_id": ("uint32", 1),
        "tokenizer.ggml.eos_token_id": ("uint32", 2),
    }


def pairs() -> Metadata:
    """A byte-pair vocabulary of 64 tokens."""
    letters = [chr(97 + i) for i in range(26)] + [chr(65 + i) for i in range(26)]
    joined = [f"{a}{b}" for a, b in pairwise(letters[:12])]
    return {
        "tokenizer.ggml.model": ("string", "gpt2"),
        "tokenizer.ggml.pre": ("string", "default"),
        "tokenizer.ggml.tokens": ("string[]", ["<|end|>", *letters, *joined]),
        "tokenizer.ggml.token_type": ("int32[]", [3, *[1] * (WORDS - 1)]),
        "tokenizer.ggml.merges": ("string[]", [f"{t[0]} {t[1]}" for t in joined]),
        "tokenizer.ggml.bos_token_id": ("uint32", 0),
        "tokenizer.ggml.eos_token_id": ("uint32", 0),
    }


def hyper_parameters() -> Metadata:
    """What a llama must say of itself."""
    return {
        "general.architecture": ("string", "llama"),
        "general.license": ("string", "mit"),
        "llama.context_length": ("uint32", 64),
        "llama.embedding_length": ("uint32", WIDTH),
        "llama.block_count": ("uint32", 1),
        "llama.feed_forward_length": ("uint32", INNER),
        "llama.attention.head_count": ("uint32", HEADS),
        "llama.attention.head_count_kv": ("uint32", KV_HEADS),
        "llama.attention.layer_norm_rms_epsilon": ("float32", 1e-5),
        "llama.rope.dimension_count": ("uint32", WIDTH // HEADS),
    }


SHAPES = {
    "token_embd.weight": (WIDTH, WORDS),
    "blk.0.attn_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (WIDTH, WIDTH),
    "blk.0.attn_k.weight": (WIDTH, WIDTH // HEADS * KV_HEADS),
    "blk.0.attn_v.weight": (WIDTH, WIDTH // HEADS * KV_HEADS),
    "blk.0.attn_output.weight": (WIDTH, WIDTH),
    "blk.0.ffn_norm.weight": (WIDTH,),
    "blk.0.ffn_gate.weight": (WIDTH, INNER),
    "blk.0.ffn_up.weight": (WIDTH, INNER),
    "blk.0.ffn_down.weight": (INNER, WIDTH),
    "output_norm.weight": (WIDTH,),
    "output.weight": (WIDTH, WORDS),
}


def floats(shape: tuple[int, ...], seed: int = 0) -> TensorSpec:
    """Numbers of a normal distribution, row length first."""
    values = np.random.default_rng(seed).normal(0, 0.1, shape[::-1]).astype("<f4")
    return ("F32", shape, values.tobytes())


def tensors(seed: int = 0) -> Tensors:
    """All that a llama of one block needs, and a head of its own."""
    return {name: floats(shape, 100 * seed + i) for i, (name, shape) in enumerate(SHAPES.items())}


Change = Callable[[Metadata, Tensors], None]


def write_llama(
    path: Path,
    change: Change | None = None,
    vocabulary: Callable[[], Metadata] = pieces,
    seed: int = 0,
    alignment: int = 32,
) -> Path:
    """A whole llama, but for what `change` does to its keys and tensors in place."""
    metadata, weights = hyper_parameters() | vocabulary(), tensors(seed)
    if change is not None:
        change(metadata, weights)
    if alignment != 32:
        metadata["general.alignment"] = ("uint32", alignment)
    return write_gguf(path, metadata, weights, alignment)


def set_keys(**keys: Any) -> Change:
    """Set `a__b` as the key `a.b`: a (kind, value), or None to leave it out."""

    def change(metadata: Metadata, weights: Tensors) -> None:
        for name, value in keys.items():
            key = name.replace("__", ".")
            if value is None:
                metadata.pop(key)
            else:
                metadata[key] = value

    return change


def set_tensors(shapes: Mapping[str, tuple[int, ...] | None]) -> Change:
    """Give these tensors these shapes, or leave them out where the shape is None."""

    def change(metadata: Metadata, weights: Tensors) -> None:
        for name, shape in shapes.items():
            if shape is None:
                weights.pop(name)
            else:
                weights[name] = floats(shape)

    return change
