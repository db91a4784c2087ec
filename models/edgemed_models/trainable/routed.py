"""Paths of several parts beside one frozen matrix, as MedCare trains them (arXiv 2406.17484).

The caller sets which parts are used in a product: parts that are trained together are evaluated and
written separately. `thin(parts)` gives parts as one pair of thin matrices, for an ordinary adapter.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from edgemed_models.trainable.adapters import Lora

EXPERTS, ACTIVE = 8, 2

Parts = tuple[str, ...]
Thin = tuple[torch.Tensor, torch.Tensor]
"""A[rank, length] and B[rows, rank]."""


def gated(logits: torch.Tensor) -> torch.Tensor:
    """Weights [..., experts] from logits of that shape: those of the ACTIVE largest add up to 1,
    the others are 0.

    It is the softmax over all, of which the largest are kept and divided by their sum: that is the
    softmax over the largest alone.
    """
    largest, places = logits.topk(ACTIVE)
    return torch.zeros_like(logits).scatter(-1, places, largest.softmax(-1))


class Routed(nn.Module):
    """x, y -> y + scale (B A x + sum over experts i of g_i(x) B_i A_i x), g from `gated`.

    Parts: `shared`, the path B A of rank 2 R that every token takes; `routed`, the experts of rank
    R; `mean`, these with the same weights `mean` f32[EXPERTS] for every token. The experts' A lie
    one below the other in a[EXPERTS R, length], their B side by side in b[rows, EXPERTS R]. All are
    multiplied: the thin matrices cost little compared with the frozen one.
    """

    mean: torch.Tensor

    def __init__(
        self,
        rank: int,
        scale: float,
        rows: int,
        length: int,
        random: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.shared = Lora(2 * rank, scale, rows, length, random)
        self.a = nn.Parameter(torch.empty(EXPERTS * rank, length))
        self.gate = nn.Parameter(torch.empty(EXPERTS, length))
        self.b = nn.Parameter(torch.zeros(rows, EXPERTS * rank))
        self.bias = nn.Parameter(torch.empty(EXPERTS))
        for drawn in (self.a, self.gate):
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=random)
        nn.init.uniform_(self.bias, -(length**-0.5), length**-0.5, generator=random)
        self.register_buffer("mean", torch.full((EXPERTS,), 1 / EXPERTS), persistent=False)
        self.counted: Parts = ("shared", "routed")
        self.tally: torch.Tensor | None = None  # f64[EXPERTS]: the weights of all tokens, added up

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if "shared" in self.counted:
            y = self.shared(x, y)
        if "routed" in self.counted:
            y = y + self._experts(x, self.weights(x))
        if "mean" in self.counted:
            y = y + self._experts(x, self.mean.to(x.dtype))
        return y

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """The weight of every expert for every token, [..., EXPERTS]."""
        found = gated(functional.linear(x.to(self.gate.dtype), self.gate, self.bias))
        if self.tally is not None:
            self.tally += found.detach().double().reshape(-1, EXPERTS).sum(0)
        return found.to(x.dtype)

    def begin_tally(self) -> None:
        """Add up the experts' weights from now on."""
        self.tally = torch.zeros(EXPERTS, dtype=torch.float64, device=self.a.device)

    def end_tally(self) -> None:
        """Set `mean` to the mean weights since `begin_tally`."""
        if self.tally is not None:
            self.mean = (self.tally / self.tally.sum()).float()
        self.tally = None

    def thin(self, parts: Parts) -> Thin:
        """`shared`, `mean` or both; experts routed by token have no such form."""
        rank = len(self.a) // EXPERTS
        found = {
            "shared": (self.shared.a, self.shared.b),
            "mean": (self.a, self.b * self.mean.repeat_interleave(rank)),
        }
        return beside([found[part] for part in parts])

    def _experts(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        a, b = self.a.to(x.dtype), self.b.to(x.dtype)
        inner = functional.linear(x, a).unflatten(-1, (EXPERTS, -1)) * weights[..., None]
        return functional.linear(inner.flatten(-2), b) * self.scale


class Aligned(nn.Module):
    """x, y -> y + the path `base`, which was trained before, + a new one, `orth`."""

    def __init__(self, base: Lora, orth: Lora) -> None:
        super().__init__()
        self.base, self.orth, self.scale = base, orth, orth.scale
        self.counted: Parts = ("base", "orth")

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        for part in self.counted:
            y = getattr(self, part)(x, y)
        return y

    def overlap(self) -> torch.Tensor:
        """The sum of the absolute entries of A_base A_orth^T: 0 where the two read directions that
        are orthogonal."""
        return (self.base.a @ self.orth.a.T).abs().sum()

    def thin(self, parts: Parts) -> Thin:
        """`base`, `orth` or both. Their scales are the same."""
        paths = [getattr(self, part) for part in parts]
        return beside([(path.a, path.b) for path in paths])


def beside(pairs: list[Thin]) -> Thin:
    """Several pairs as one, whose rank is the sum of theirs: [B1 B2] [A1; A2] = B1 A1 + B2 A2."""
    return torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs], 1)
