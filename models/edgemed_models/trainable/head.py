"""The loss over a large vocabulary, in slices of positions, so that all logits never exist at once.

The same pass computes from the same logits the gradient of the hidden states, and that of the head
if its weights are trained.
"""

from typing import Any, NamedTuple

import torch

from edgemed_models.trainable.frozen import Frozen

SLICE = 1 << 23
"""Logits computed at once: 32 MiB of float32."""


class CrossEntropy(torch.autograd.Function):
    """Sum over positions of weight * -log softmax(h W^T)[target]."""

    @staticmethod
    def forward(
        ctx: Any,
        h: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        matrix: Frozen,
        head: torch.Tensor | None,
    ) -> torch.Tensor:
        total = h.new_zeros((), dtype=torch.float64)
        gradient = Gradient.of(h, head) if h.requires_grad else None
        at_once = max(1, SLICE // matrix.rows)
        for first in range(0, len(h), at_once):
            part = slice(first, first + at_once)
            total += _slice(h[part], targets[part], weights[part], matrix, gradient, part)
        ctx.gradient = gradient
        return total.float()

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, head = ctx.gradient or (None, None)
        found = (None if part is None else part * grad for part in (states, head))
        return next(found), None, None, None, next(found)


class Gradient(NamedTuple):
    """With respect to the states h[n, width], and to the head [rows, width] where it is trained."""

    states: torch.Tensor
    head: torch.Tensor | None

    @classmethod
    def of(cls, h: torch.Tensor, head: torch.Tensor | None) -> "Gradient":
        """Zeros."""
        trained = head is not None and head.requires_grad
        return cls(torch.zeros_like(h), torch.zeros_like(head) if trained else None)

    def add(self, h: torch.Tensor, share: torch.Tensor, matrix: Frozen, part: slice) -> None:
        """The part of the gradient from the positions `part`: `share` is that of their logits."""
        for first, block in matrix.blocks():
            columns = share[:, first : first + len(block)]
            self.states[part].addmm_(columns, block.to(h.dtype))
        if self.head is not None:
            self.head.addmm_(share.T.to(self.head.dtype), h.to(self.head.dtype))


def _slice(
    h: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    matrix: Frozen,
    gradient: Gradient | None,
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
        gradient.add(h, share, matrix, part)
    return losses.double().sum()


def cross_entropy(
    h: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, matrix: Frozen
) -> torch.Tensor:
    """Sum of weights[i] * -log p(targets[i] | h[i]) over h[n, width], with logits h W^T."""
    return CrossEntropy.apply(h, targets, weights, matrix, matrix.weight)
