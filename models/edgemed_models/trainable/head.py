"""The loss over a large vocabulary, in slices of positions, so that all logits never exist at once.

The gradient with respect to the hidden states is computed in the same pass, from the same logits.
"""

from typing import Any

import torch

from edgemed_models.trainable.frozen import Frozen

SLICE = 1 << 23
"""Logits computed at once: 32 MiB of float32."""


class CrossEntropy(torch.autograd.Function):
    """Sum over positions of weight * -log softmax(h W^T)[target]."""

    @staticmethod
    def forward(
        ctx: Any, h: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, matrix: Frozen
    ) -> torch.Tensor:
        total = h.new_zeros((), dtype=torch.float64)
        gradient = torch.zeros_like(h) if h.requires_grad else None
        at_once = max(1, SLICE // matrix.rows)
        for first in range(0, len(h), at_once):
            part = slice(first, first + at_once)
            total += _slice(h[part], targets[part], weights[part], matrix, gradient, part)
        ctx.gradient = gradient
        return total.to(h.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, None, None, None]:
        return (None if ctx.gradient is None else ctx.gradient * grad), None, None, None


def _slice(
    h: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    matrix: Frozen,
    gradient: torch.Tensor | None,
    part: slice,
) -> torch.Tensor:
    """The loss of some positions; fills their part of `gradient`."""
    logits = h.new_empty((len(h), matrix.rows))
    for first, block in matrix.blocks():
        torch.mm(h, block.to(h.dtype).T, out=logits[:, first : first + len(block)])
    own = logits.gather(1, targets[:, None])[:, 0].float()
    losses = (torch.logsumexp(logits.float(), 1) - own) * weights
    if gradient is not None:
        share = torch.softmax(logits, 1, dtype=torch.float32).to(h.dtype)
        share[torch.arange(len(h), device=h.device), targets] -= 1
        share *= weights[:, None].to(h.dtype)
        for first, block in matrix.blocks():
            gradient[part].addmm_(share[:, first : first + len(block)], block.to(h.dtype))
    return losses.double().sum()


def cross_entropy(
    h: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, matrix: Frozen
) -> torch.Tensor:
    """Sum of weights[i] * -log p(targets[i] | h[i]) over h[n, width], with logits h W^T."""
    return CrossEntropy.apply(h, targets, weights, matrix)
