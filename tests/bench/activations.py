"""A small llama in numpy: what every matrix is multiplied with, summed as llama-imatrix sums it.

Slow and plain, for models of a few million weights. That it computes what llama.cpp computes is
checked where it is used: both must expect the same next tokens.
"""

from pathlib import Path
from typing import Any

import numpy as np
from edgemed_native.ggml_types import BY_NAME
from numpy.typing import NDArray

from edgemed.gguf import open_model, plan_layout
from edgemed.gguf.values import encode
from tests.bench.equivalent import decoded

F32 = NDArray[np.float32]
Sums = dict[str, NDArray[np.float64]]


class Llama:
    """The weights of a GGUF file of architecture llama, and the sums gathered so far."""

    def __init__(self, path: Path) -> None:
        model = open_model(path)
        self.facts = {k.removeprefix("llama."): model.metadata[k] for k in model.metadata}
        self.weights = {name: decoded(model, name) for name in model.tensors}
        self.sums: Sums = {}
        self.rows = 0

    def logits(self, tokens: list[int]) -> F32:
        """f32[tokens, vocabulary]; adds what it met to the sums."""
        self.rows += len(tokens)
        x = self.weights["token_embd.weight"][tokens]
        for layer in range(self.facts["block_count"]):
            x = x + self.attention(f"blk.{layer}.", self.norm(x, f"blk.{layer}.attn_norm"))
            x = x + self.feed_forward(f"blk.{layer}.", self.norm(x, f"blk.{layer}.ffn_norm"))
        head = self.weights.get("output.weight", self.weights["token_embd.weight"])
        return self.norm(x, "output_norm") @ head.T

    def norm(self, x: F32, name: str) -> F32:
        epsilon = self.facts["attention.layer_norm_rms_epsilon"]
        root = np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(epsilon))
        return (x / root) * self.weights[f"{name}.weight"]

    def product(self, name: str, x: F32) -> F32:
        squares = (x.astype(np.float64) ** 2).sum(axis=0)
        self.sums[name] = self.sums.get(name, np.zeros_like(squares)) + squares
        return x @ self.weights[name].T

    def attention(self, block: str, x: F32) -> F32:
        heads, keys = self.facts["attention.head_count"], self.facts["attention.head_count_kv"]
        q, k, v = (
            self.product(f"{block}attn_{part}.weight", x).reshape(len(x), count, -1)
            for part, count in (("q", heads), ("k", keys), ("v", keys))
        )
        k, v = (np.repeat(a, heads // keys, axis=1) for a in (self.turned(k), v))
        scores = np.einsum("thd,shd->hts", self.turned(q), k) / np.sqrt(q.shape[2])
        scores += np.triu(np.full((len(x), len(x)), -np.inf, np.float32), 1)
        chances = np.exp(scores - scores.max(axis=2, keepdims=True))
        chances /= chances.sum(axis=2, keepdims=True)
        seen = np.einsum("hts,shd->thd", chances, v).reshape(len(x), -1).astype(np.float32)
        return self.product(f"{block}attn_output.weight", seen)

    def turned(self, x: F32) -> F32:
        """Rotary positions on pairs of neighbours (Su and others, 2021)."""
        half = x.shape[2] // 2
        base = self.facts.get("rope.freq_base", 10000.0)
        angle = np.outer(np.arange(len(x)), base ** (-np.arange(half) / half))[:, None]
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        a, b = x[..., 0::2], x[..., 1::2]
        return np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)

    def feed_forward(self, block: str, x: F32) -> F32:
        gate, up = (self.product(f"{block}ffn_{part}.weight", x) for part in ("gate", "up"))
        return self.product(f"{block}ffn_down.weight", gate / (1 + np.exp(-gate)) * up)


def write_matrix(out: Path, sums: Sums, rows: int) -> None:
    """An importance matrix in llama-imatrix's GGUF form."""
    keys: dict[str, tuple[str, Any]] = {
        "general.type": ("string", "imatrix"),
        "imatrix.datasets": ("string[]", ["generated"]),
        "imatrix.chunk_count": ("uint32", 1),
        "imatrix.chunk_size": ("uint32", rows),
    }
    arrays = {}
    for name, values in sums.items():
        arrays[f"{name}.in_sum2"] = values.astype("<f4")[None]
        arrays[f"{name}.counts"] = np.full((1, 1), rows, "<f4")
    specs = [(name, a.shape[::-1], BY_NAME["F32"]) for name, a in arrays.items()]
    layout = plan_layout({key: encode(*value) for key, value in keys.items()}, specs)
    with out.open("wb") as file:
        file.write(layout.header)
        for array, offset in zip(arrays.values(), layout.offsets, strict=True):
            file.seek(offset)
            file.write(array.tobytes())
        file.truncate(layout.total_bytes)
