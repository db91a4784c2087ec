"""LoRA and DoRA: trained low-rank matrices, and row lengths, beside the frozen matrices.

B starts at zero and the lengths at those of the frozen rows, so that training starts from the
unchanged model.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from edgemed_models.trainable.frozen import Frozen, product


class Lora(nn.Module):
    """x, y -> y + scale B A x, with A[rank, length] and B[rows, rank] (arXiv 2106.09685).

    x[tokens, length], y[tokens, rows]. A is initialised as in torch's linear layers, with `random`.
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
        a, b = self.a.to(x.dtype), self.b.to(x.dtype)
        return torch.addmm(y, functional.linear(x, a), b.T, alpha=self.scale)


class Dora(Lora):
    """x, y -> lengths / |W + scale B A| (y + scale B A x), row by row (arXiv 2402.09353).

    `lengths`[rows] is trained as well. For the gradient |W + scale B A| counts as constant, as in
    section 4.3 there. A row of zeros stays one.
    """

    squares: torch.Tensor

    def __init__(
        self, rank: int, scale: float, matrix: Frozen, random: torch.Generator | None = None
    ) -> None:
        super().__init__(rank, scale, matrix.rows, matrix.length, random)
        self.matrix = matrix
        self.register_buffer("squares", row_squares(matrix), persistent=False)
        self.lengths = nn.Parameter(self.squares.sqrt())

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return super().forward(x, y) * (self.lengths * self.shrinking()).to(x.dtype)

    @torch.no_grad()
    def shrinking(self) -> torch.Tensor:
        """1 / |W + scale B A| of every row, from |W|^2, W A^T and A A^T: no sum is computed."""
        across = product(self.a, self.matrix).T  # W A^T
        inner = 2 * across + self.scale * self.b @ (self.a @ self.a.T)
        squares = self.squares + self.scale * (inner * self.b).sum(1)
        return torch.where(squares > 0, squares.clamp_min(1e-30).rsqrt(), squares.new_zeros(()))


def row_squares(matrix: Frozen) -> torch.Tensor:
    """|row|^2 of every row, f32[rows]."""
    return torch.cat([block.float().pow(2).sum(1) for _, block in matrix.blocks()])
