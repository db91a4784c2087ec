"""What is trained: low-rank paths beside frozen matrices.

Each is a module forward(x, y, matrix) that gets the input, the frozen product and the matrix, and
gives the sum. B begins at zero, so that training begins at the model as it is.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from edgemed_models.trainable.frozen import Frozen, product, row_squares


def low_rank(rank: int, rows: int, length: int) -> tuple[nn.Parameter, nn.Parameter]:
    """A[rank, length], drawn as torch's linear layers are, and B[rows, rank] of zeros."""
    a = torch.empty(rank, length)
    nn.init.kaiming_uniform_(a, a=math.sqrt(5))
    return nn.Parameter(a), nn.Parameter(torch.zeros(rows, rank))


class Lora(nn.Module):
    """y + scale B A x (Hu et al., arXiv 2106.09685)."""

    def __init__(self, rank: int, scale: float, rows: int, length: int) -> None:
        super().__init__()
        self.scale = scale
        self.a, self.b = low_rank(rank, rows, length)

    def delta(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(functional.linear(x, self.a), self.b) * self.scale

    def forward(self, x: torch.Tensor, y: torch.Tensor, matrix: Frozen) -> torch.Tensor:
        return y + self.delta(x)


class Dora(Lora):
    """m (y + scale B A x) / |W + scale B A|, row by row (Liu et al., arXiv 2402.09353).

    The length of a row is taken as a constant in the gradient, as the paper does.
    """

    def __init__(self, rank: int, scale: float, matrix: Frozen) -> None:
        super().__init__(rank, scale, matrix.rows, matrix.length)
        self.register_buffer("squares", row_squares(matrix), persistent=False)
        self.magnitude = nn.Parameter(self.squares.sqrt())

    squares: torch.Tensor

    def lengths(self, matrix: Frozen) -> torch.Tensor:
        """|W + scale B A| of every row, from |W|, W A^T and A A^T."""
        with torch.no_grad():
            crossed = product(self.a, matrix).T  # [rows, rank]: W A^T
            gram = self.a @ self.a.T
            added = 2 * self.scale * (crossed * self.b).sum(1)
            own = self.scale**2 * ((self.b @ gram) * self.b).sum(1)
            return (self.squares + added + own).clamp_min(0).sqrt()

    def forward(self, x: torch.Tensor, y: torch.Tensor, matrix: Frozen) -> torch.Tensor:
        return (y + self.delta(x)) * (self.magnitude / self.lengths(matrix))


class Routed(nn.Module):
    """MedCare's first stage: a shared path of rank 2r, and 8 routed experts of rank r, 2 at work.

    y + shared(x) + sum over the two likeliest experts of g_i expert_i(x), where g is the softmax of
    the router, renormalised over the two. The routed part is what is dropped at the end.
    """

    def __init__(
        self, rank: int, scale: float, rows: int, length: int, experts: int = 8, active: int = 2
    ) -> None:
        super().__init__()
        self.shared = Lora(2 * rank, scale, rows, length)
        self.experts = nn.ModuleList(Lora(rank, scale, rows, length) for _ in range(experts))
        self.router = nn.Linear(length, experts, bias=False)
        self.active = active

    def noise(self, x: torch.Tensor) -> torch.Tensor:
        """What the routed experts add."""
        gates = torch.softmax(self.router(x).float(), -1)
        chosen, which = gates.topk(self.active, -1)
        chosen = (chosen / chosen.sum(-1, keepdim=True)).to(x.dtype)
        added = x.new_zeros((*x.shape[:-1], self.shared.b.shape[0]))
        for number, expert in enumerate(self.experts):
            tokens, place = torch.nonzero(which == number, as_tuple=True)
            if len(tokens):
                part = expert.delta(x[tokens]) * chosen[tokens, place, None]  # type: ignore[operator]
                added = added.index_add(0, tokens, part)
        return added

    def forward(self, x: torch.Tensor, y: torch.Tensor, matrix: Frozen) -> torch.Tensor:
        return y + self.shared.delta(x) + self.noise(x)


class Orthogonal(nn.Module):
    """MedCare's second stage: the path that was learned, and a new one kept orthogonal to it."""

    def __init__(self, base: Lora, rank: int) -> None:
        super().__init__()
        self.base = base
        rows, length = base.b.shape[0], base.a.shape[1]
        self.new = Lora(rank, base.scale, rows, length)

    def penalty(self) -> torch.Tensor:
        """Sum of |A_base A_new^T|, entry by entry, in float32."""
        return (self.base.a.float() @ self.new.a.float().T).abs().sum()

    def forward(self, x: torch.Tensor, y: torch.Tensor, matrix: Frozen) -> torch.Tensor:
        return y + self.base.delta(x) + self.new.delta(x)
