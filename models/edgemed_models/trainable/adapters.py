"""What is trained: low-rank paths beside frozen matrices.

B begins at zero, so that training begins at the model as it is.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class Lora(nn.Module):
    """x, y -> y + scale B A x, with A[rank, length] and B[rows, rank] (arXiv 2106.09685).

    A is drawn as torch's linear layers are, from `random`.
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
