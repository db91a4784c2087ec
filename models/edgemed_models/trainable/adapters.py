"""LoRA: the trained low-rank matrices beside the frozen ones.

B starts at zero, so that training starts from the unchanged model.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class Lora(nn.Module):
    """x, y -> y + scale B A x, with A[rank, length] and B[rows, rank] (arXiv 2106.09685).

    A is initialised as in torch's linear layers, with `random`.
    """

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
        a = torch.empty(rank, length)
        nn.init.kaiming_uniform_(a, a=math.sqrt(5), generator=random)
        self.a, self.b = nn.Parameter(a), nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return y + functional.linear(functional.linear(x, self.a), self.b) * self.scale
