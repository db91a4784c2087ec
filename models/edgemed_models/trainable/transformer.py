"""A llama, qwen2 or qwen3 whose matrices are frozen and decoded on the fly.

Sequences are packed one after the other: x[tokens, width], with their lengths. No sequence sees
another. A beginning that all of them share may be put once before the first: every sequence
continues from it, and it is computed once. Every block is computed again in the backward pass
(gradient checkpointing), so that activations of one block at a time are held; with `keep` those of
all blocks are held and none is computed again, which takes two thirds of the time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from edgemed_models.trainable.frozen import Frozen, Rows, Scratch, product
from edgemed_models.trainable.head import cross_entropy
from edgemed_models.trainable.placing import PROCESSOR, Placing
from edgemed_models.trainable.shape import Shape

OUTPUT = "output.weight"
EMBEDDING = "token_embd.weight"


class Linear(nn.Module):
    """y = x W^T + bias, plus the output of an adapter if there is one."""

    def __init__(self, matrix: Frozen, bias: torch.Tensor | None) -> None:
        super().__init__()
        self.matrix = matrix
        self.register_buffer("bias", bias, persistent=False)
        self.path: nn.Module | None = None  # an adapter: forward(x, y) adds its output to y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = product(x, self.matrix)
        if self.path is not None:
            y = self.path(x, y)
        return y if self.bias is None else y + self.bias.to(y.dtype)


class Norm(nn.Module):
    """x / sqrt(mean x^2 + epsilon) * weight (RMSNorm)."""

    weight: torch.Tensor

    def __init__(self, weight: torch.Tensor, epsilon: float) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)
        self.epsilon = epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (scaled * self.weight).to(x.dtype)


class Gated(torch.autograd.Function):
    """silu(gate) * up. silu(gate) is computed again in the backward pass, not kept."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        share = torch.sigmoid(gate)
        for_up = (share * gate).mul_(grad)
        slope = torch.sub(1, share).mul_(gate).add_(1).mul_(share)  # of silu
        return slope.mul_(up).mul_(grad), for_up


def gated(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """silu(gate) * up, of the same shape."""
    return Gated.apply(gate, up)


class Tensors:
    """The model's tensors by GGUF name: frozen matrices, and vectors in float32."""

    def __init__(
        self, names: Sequence[str], rows: Callable[[str], Rows], placing: Placing = PROCESSOR
    ) -> None:
        self._names, self._rows, self._scratch = frozenset(names), rows, Scratch()
        self.placing = placing

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def matrix(self, name: str) -> Frozen:
        return Frozen(self._rows(name), self._scratch, self.placing)

    def vector(self, name: str) -> torch.Tensor:
        """A 1-D tensor, f32[length], where the model is computed."""
        matrix = Frozen(self._rows(name), self._scratch)
        return matrix.block(0, 1)[0].clone().to(self.placing.device)

    def linear(self, name: str) -> Linear:
        """A matrix with its bias, if there is one."""
        bias = f"{name}.bias"
        return Linear(
            self.matrix(f"{name}.weight"), self.vector(bias) if bias in self._names else None
        )


@dataclass(frozen=True, slots=True)
class Packing:
    """The layout of packed sequences: `shared` tokens that begin all, then the rest of each."""

    lengths: tuple[int, ...]
    shared: int = 0

    def positions(self) -> torch.Tensor:
        """The position of each token in its own sequence, i64[tokens]."""
        rests = [torch.arange(self.shared, self.shared + n) for n in self.lengths]
        return torch.cat([torch.arange(self.shared), *rests])


class Block(nn.Module):
    """Attention, then the feed-forward part, each added to its input."""

    def __init__(self, shape: Shape, tensors: Tensors, number: int) -> None:
        super().__init__()
        at = f"blk.{number}."
        self.shape = shape
        self.attn_norm = Norm(tensors.vector(f"{at}attn_norm.weight"), shape.epsilon)
        self.ffn_norm = Norm(tensors.vector(f"{at}ffn_norm.weight"), shape.epsilon)
        names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        self.linears = nn.ModuleDict({name: tensors.linear(at + name) for name in names})
        self.head_norms = nn.ModuleDict(
            {
                name: Norm(tensors.vector(f"{at}{name}.weight"), shape.epsilon)
                for name in ("attn_q_norm", "attn_k_norm")
                if f"{at}{name}.weight" in tensors
            }
        )

    def forward(
        self, x: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor], packing: Packing
    ) -> torch.Tensor:
        """x[tokens, width] -> the same; `turns` are cosine and sine [tokens, head / 2]."""
        x = x + self.attention(self.attn_norm(x), turns, packing)
        h = self.ffn_norm(x)
        inner = gated(self.linears["ffn_gate"](h), self.linears["ffn_up"](h))
        return x + self.linears["ffn_down"](inner)

    def attention(
        self, x: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor], packing: Packing
    ) -> torch.Tensor:
        q = self._heads("attn_q", x, turns)
        k = self._heads("attn_k", x, turns)
        v = self.linears["attn_v"](x).view(len(x), -1, self.shape.head)
        first = packing.shared
        before = slice(0, first)
        parts = [attend(q[before], k[before], v[before])] if first else []
        for length in packing.lengths:  # each sequence by itself: none attends to another
            part = slice(first, first + length)
            keys, values = (torch.cat([t[before], t[part]]) for t in (k, v))
            parts.append(attend(q[part], keys, values))
            first += length
        return self.linears["attn_output"](torch.cat(parts))

    def _heads(
        self, name: str, x: torch.Tensor, turns: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """Queries or keys by head, normalised if the model does so, then rotated."""
        y = self.linears[name](x).view(len(x), -1, self.shape.head)
        if f"{name}_norm" in self.head_norms:
            y = self.head_norms[f"{name}_norm"](y)
        return rotated(y, *turns, self.shape.interleaved)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Causal attention of a sequence's last n tokens: q[n, heads, head], k, v[m, kv heads, head].

    m is at least n: the tokens before the last n are seen by all of them.
    """
    groups, before = q.shape[1] // k.shape[1], len(k) - len(q)
    k, v = (t.repeat_interleave(groups, dim=1).transpose(0, 1)[None] for t in (k, v))
    seen = None
    if before:
        seen = torch.ones(q.shape[0], k.shape[2], dtype=torch.bool, device=q.device).tril(before)
    y = functional.scaled_dot_product_attention(
        q.transpose(0, 1)[None], k, v, attn_mask=seen, is_causal=seen is None
    )
    return y[0].transpose(0, 1).reshape(q.shape[0], -1)


def rotated(
    x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor, interleaved: bool
) -> torch.Tensor:
    """Rotary embedding: pairs of x[tokens, heads, head] rotated by their angles."""
    half = x.shape[-1] // 2
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    c, s = cosine[:, None], sine[:, None]
    turned = (a * c - b * s, a * s + b * c)
    if interleaved:
        return torch.stack(turned, -1).flatten(-2)
    return torch.cat(turned, -1)


class Transformer(nn.Module):
    """The whole model: token ids in, a loss or hidden states out."""

    frequencies: torch.Tensor

    def __init__(self, shape: Shape, tensors: Tensors) -> None:
        super().__init__()
        self.shape, self.placing = shape, tensors.placing
        self.keep = False  # the activations of all blocks, for the backward pass
        self.embedding = tensors.matrix(EMBEDDING)
        self.output = tensors.matrix(OUTPUT) if OUTPUT in tensors else self.embedding
        self.blocks = nn.ModuleList(Block(shape, tensors, n) for n in range(shape.layers))
        self.norm = Norm(tensors.vector("output_norm.weight"), shape.epsilon)
        self.register_buffer("frequencies", frequencies(shape, tensors), persistent=False)

    def linears(self) -> dict[str, Linear]:
        """Every matrix that may have an adapter, by GGUF name without `.weight`."""
        return {
            f"blk.{number}.{name}": linear
            for number, block in enumerate(self.blocks)
            for name, linear in block.linears.items()
        }

    def norms(self) -> dict[str, Norm]:
        """Every norm, by GGUF name without `.weight`."""
        found = {"output_norm": self.norm}
        for number, block in enumerate(self.blocks):
            own = {"attn_norm": block.attn_norm, "ffn_norm": block.ffn_norm, **block.head_norms}
            found |= {f"blk.{number}.{name}": norm for name, norm in own.items()}
        return found

    def decode_once(self) -> None:
        """Keep every decoded matrix on its device from its first use on."""
        for matrix in self.matrices():
            matrix.once = True

    def matrices(self) -> list[Frozen]:
        """All frozen matrices; the head is one of its own only where the file has one."""
        own = [self.embedding] if self.output is self.embedding else [self.embedding, self.output]
        return own + [linear.matrix for linear in self.linears().values()]

    def hidden(self, ids: torch.Tensor, packing: Packing) -> torch.Tensor:
        """The states before the head, [tokens, width], of packed sequences."""
        angles = packing.positions().to(ids.device)[:, None] * self.frequencies
        x = self.embedding.take(ids)
        turns = (angles.cos().to(x.dtype), angles.sin().to(x.dtype))
        for block in self.blocks:
            if torch.is_grad_enabled() and not self.keep:
                x = checkpoint(block, x, turns, packing, use_reentrant=False)
            else:
                x = block(x, turns, packing)
        return self.norm(x)

    def loss(self, ids: torch.Tensor, packing: Packing, weights: torch.Tensor) -> torch.Tensor:
        """Sum over tokens of weight * -log p(token | those before it in its sequence).

        `weights` f32[tokens]: 0 where the loss does not look (prompts, the first of a sequence, or
        of its rest where a beginning is shared).
        """
        looked = torch.nonzero(weights)[:, 0]
        states = self.hidden(ids, packing)[looked - 1]
        return cross_entropy(states, ids[looked], weights[looked], self.output)


def frequencies(shape: Shape, tensors: Tensors) -> torch.Tensor:
    """Radians per position, f32[head / 2], divided by the tensor of factors that llama 3.1 has."""
    steps = torch.arange(0, shape.head, 2, dtype=torch.float64) / shape.head
    found = shape.rope_base**-steps / shape.rope_scale
    if "rope_freqs.weight" in tensors:
        found = found / tensors.vector("rope_freqs.weight").cpu().double()
    return found.float().to(tensors.placing.device)
