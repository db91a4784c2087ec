"""Muon: momentum whose matrix update is made nearly orthogonal by a Newton-Schulz iteration.

After Jordan et al. 2024 ("Muon: an optimizer for hidden layers"). Matrices of one shape are stacked
and handled together, which matters on a CPU.
"""

import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@cache
def has_bf16() -> bool:
    """Whether products in bf16 are fast; a CPU without the instructions is ten times slower."""
    if torch.cuda.is_available():
        return True
    flags = Path("/proc/cpuinfo").read_text("utf-8") if sys.platform == "linux" else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def orthogonal(stack: Tensor, rounds: int = 5) -> Tensor:
    """Matrices (n, rows, columns) with singular values pushed towards 1."""
    a, b, c = COEFFICIENTS
    tall = stack.shape[1] > stack.shape[2]
    x = (stack.mT if tall else stack).to(torch.bfloat16 if has_bf16() else torch.float32)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """For 2-D weights only; one parameter group."""

    def __init__(self, weights: list[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                shapes[weight.shape].append(weight)
            for weights in shapes.values():
                self.step_stack(weights, group["lr"], group["momentum"])

    def step_stack(self, weights: list[Tensor], lr: float, momentum: float) -> None:
        """One step of weights that share a shape."""
        pushes = []
        for weight in weights:
            held = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            held.lerp_(weight.grad, 1 - momentum)
            pushes.append(weight.grad.lerp(held, momentum))
        rows, columns = weights[0].shape
        size = lr * max(1.0, rows / columns) ** 0.5
        for weight, push in zip(weights, orthogonal(torch.stack(pushes)), strict=True):
            weight.add_(push, alpha=-size)
