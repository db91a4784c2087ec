"""Products with a frozen matrix that is decoded block by block, forward and backward.

The whole matrix is never decoded at once: a decoded block of rows exists only during its product.
The backward pass decodes it again, which costs little compared with the product itself. A graphics
card has its own memory: if all matrices fit into it, they are decoded once and stay there.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from edgemed_models.trainable.placing import PROCESSOR, Placing

BLOCK = 1 << 20
"""Weights decoded at once: 4 MiB of float32."""

F32 = NDArray[np.float32]


class Rows(Protocol):
    """A matrix on disk: `rows` rows of `length` weights."""

    @property
    def rows(self) -> int: ...

    @property
    def length(self) -> int: ...

    def read(self, first: int, out: F32) -> None:
        """Fill out f32[n, length] with rows first, first + 1, ..."""
        ...


class Scratch:
    """Memory for one decoded block, shared by all matrices of a model."""

    def __init__(self) -> None:
        self._memory = np.empty(BLOCK, np.float32)

    def room(self, rows: int, length: int) -> F32:
        """f32[rows, length], valid until the next call."""
        if self._memory.size < rows * length:
            self._memory = np.empty(rows * length, np.float32)
        return self._memory[: rows * length].reshape(rows, length)


class Frozen:
    """A frozen matrix W[rows, length], decoded block by block as it is used."""

    weight: torch.Tensor | None = None  # the trained matrix, if it is trained (see opened)

    def __init__(self, rows: Rows, scratch: Scratch, placing: Placing = PROCESSOR) -> None:
        self.source, self.scratch, self.placing = rows, scratch, placing
        self.rows, self.length = rows.rows, rows.length
        self.once = False  # decode it at the first use, and keep it on its device
        self._whole: torch.Tensor | None = None

    def blocks(self) -> Iterator[tuple[int, torch.Tensor]]:
        """(first row, W[first : first + n]) over all rows; each is valid until the next block."""
        if self.once:
            yield 0, self.whole()
        else:
            yield from self._decoded()

    def whole(self) -> torch.Tensor:
        """W, decoded at the first call."""
        if self._whole is None:
            place = self.placing
            found = torch.empty((self.rows, self.length), dtype=place.dtype, device=place.device)
            for first, block in self._decoded():
                found[first : first + len(block)] = block
            self._whole = found
        return self._whole

    def _decoded(self) -> Iterator[tuple[int, torch.Tensor]]:
        at_once = max(1, min(self.rows, BLOCK // self.length))
        for first in range(0, self.rows, at_once):
            yield first, self.block(first, min(at_once, self.rows - first))

    def block(self, first: int, count: int) -> torch.Tensor:
        """Decoded rows on their device, in memory that the next call may overwrite."""
        out = self.scratch.room(count, self.length)
        self.source.read(first, out)
        return self.placing.placed(torch.from_numpy(out))

    def times(self, x: torch.Tensor) -> torch.Tensor:
        """x[..., length] times W^T: [..., rows]; only x gets a gradient."""
        return Product.apply(x, self)

    def take(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows by number: [len(ids), length]."""
        if self.once:
            return self.whole()[ids.to(self.placing.device)]
        wanted, places = torch.unique(ids.cpu(), return_inverse=True)
        out = np.empty((len(wanted), self.length), np.float32)
        for place, row in enumerate(wanted.tolist()):
            self.source.read(row, out[place : place + 1])
        return self.placing.placed(torch.from_numpy(out)[places])


class Product(torch.autograd.Function):
    """y = x W^T; only x gets a gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, matrix: Frozen) -> torch.Tensor:
        ctx.matrix = matrix
        flat = x.reshape(-1, matrix.length)
        y = flat.new_empty((len(flat), matrix.rows))
        for first, block in matrix.blocks():
            torch.mm(flat, block.to(flat.dtype).T, out=y[:, first : first + len(block)])
        return y.view(*x.shape[:-1], matrix.rows)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        matrix = ctx.matrix
        flat = grad.reshape(-1, matrix.rows)
        gx = flat.new_zeros((len(flat), matrix.length))
        for first, block in matrix.blocks():
            gx.addmm_(flat[:, first : first + len(block)], block.to(flat.dtype))
        return gx.view(*grad.shape[:-1], matrix.length), None


def product(x: torch.Tensor, matrix: Frozen) -> torch.Tensor:
    """x[..., length] times W^T: [..., rows]."""
    return matrix.times(x)
