"""The scale model in torch: a small llama, laid out so that llama.cpp reads it unchanged.

Every matrix dimension is a multiple of 256, so every K-quant format applies. Rotary embeddings turn
neighbouring pairs (2i, 2i+1), as ggml's plain RoPE does: no row of Q or K is permuted at export.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network. `heads * head_width` need not equal `width`."""

    vocabulary: int = 3072
    width: int = 256
    layers: int = 5
    heads: int = 8
    kv_heads: int = 4
    head_width: int = 64
    feed_forward: int = 512
    context: int = 1024
    rope_base: float = 100_000.0
    epsilon: float = 1e-5


class Norm(nn.Module):
    """x / rms(x) * weight over the last axis."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.epsilon)


class Block(nn.Module):
    """Attention with grouped key/value heads, then a gated feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        inner, shared = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
        self.attn_norm = Norm(shape.width, shape.epsilon)
        self.attn_q = nn.Linear(shape.width, inner, bias=False)
        self.attn_k = nn.Linear(shape.width, shared, bias=False)
        self.attn_v = nn.Linear(shape.width, shared, bias=False)
        self.attn_output = nn.Linear(inner, shape.width, bias=False)
        self.ffn_norm = Norm(shape.width, shape.epsilon)
        self.ffn_gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.ffn_down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.attention(self.attn_norm(x), turn)
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))

    def attention(self, h: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        rows, length, _ = h.shape
        s = self.shape
        q = rotate(self.attn_q(h).view(rows, length, s.heads, s.head_width), turn)
        k = rotate(self.attn_k(h).view(rows, length, s.kv_heads, s.head_width), turn)
        v = self.attn_v(h).view(rows, length, s.kv_heads, s.head_width)
        repeat = s.heads // s.kv_heads
        k, v = (x.repeat_interleave(repeat, dim=2).transpose(1, 2) for x in (k, v))
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k, v, is_causal=True)
        return self.attn_output(mixed.transpose(1, 2).reshape(rows, length, -1))


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs (2i, 2i+1) of each head by the position's angle; x (rows, length, heads, w)."""
    cos, sin = turn
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class Llama(nn.Module):
    """Token ids (rows, length) to final hidden states; `logits` maps those to the vocabulary."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape.width, shape.epsilon)
        half = torch.arange(0, shape.head_width, 2) / shape.head_width
        angles = torch.outer(torch.arange(shape.context), shape.rope_base**-half)
        self.register_buffer("cos", angles.cos()[:, None], persistent=False)
        self.register_buffer("sin", angles.sin()[:, None], persistent=False)
        self.apply(start)
        for name, weight in self.named_parameters():
            if name.endswith(("attn_output.weight", "ffn_down.weight")):
                nn.init.normal_(weight, std=0.002)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.token_embd(tokens)
        turn = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        for block in self.blk:
            x = block(x, turn)
        return self.output_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores (..., vocabulary); the embedding matrix is also the output matrix."""
        return F.linear(hidden, self.token_embd.weight)


def start(module: nn.Module) -> None:
    """First values of a layer: normal, scaled to its fan-in."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.04)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
