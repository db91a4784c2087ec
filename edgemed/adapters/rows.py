"""The rows of a changed tensor, while a merge reads them: only what a chunk needs, nothing whole.

Every worker owns one `Changer`: it keeps the R of the tensors it is at (rank by row length) and
reads rows of L, or of other tensors, as they are asked for.
"""

from collections.abc import Callable, Iterator

import numpy as np
from edgemed_native import low_rank_kernels as kernels
from numpy.typing import NDArray

from edgemed.adapters.change import (
    AT_ONCE,
    AddedVector,
    Change,
    Changed,
    LowRank,
    Order,
    Thin,
    rows_of,
)
from edgemed.gguf import Tensor
from edgemed.gguf.reading import adjacent, decode

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

Read = Callable[[Tensor, int, U8], None]
"""(tensor, first byte of it, buffer): fill the buffer from there."""


class Changer:
    """Applies the changes of tensors to their decoded rows."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._step = ""
        self._kept: dict[tuple[int, str, int | None], F64] = {}

    def begin(self, step: str) -> None:
        """Start another step: drop what was kept for the last one."""
        if step != self._step:
            self._step = step
            self._kept.clear()

    def apply(self, tensor: Tensor, numbers: I64, x: F32) -> None:
        """Change x f32[rows, n], which are rows `numbers` of the tensor as its file has them.

        A number below 0 is a row that the tensor lacks: it stays as it is.
        """
        if not isinstance(tensor, Changed):
            return
        own = np.flatnonzero(numbers >= 0)
        if len(own) == len(numbers):
            self._apply(tensor, len(tensor.changes), numbers, x)
        elif len(own):
            some = np.ascontiguousarray(x[own])
            self._apply(tensor, len(tensor.changes), numbers[own], some)
            x[own] = some

    def _apply(self, tensor: Changed, count: int, numbers: I64, x: F32) -> None:
        """The first `count` changes, one after the other; `x` has all of these rows."""
        for at, change in enumerate(tensor.changes[:count]):
            rows = rows_of(change)
            if rows is None:
                self._one(tensor, at, change, numbers, x)
                continue
            own = np.flatnonzero((numbers >= rows.start) & (numbers < rows.stop))
            if len(own):
                self._keep_only(rows.start // len(rows))
                some = np.ascontiguousarray(x[own])
                self._one(tensor, at, change, numbers[own] - rows.start, some)
                x[own] = some

    def _one(self, tensor: Changed, at: int, change: Change, numbers: I64, x: F32) -> None:
        """One change of rows `numbers` of the matrix that it is for."""
        if isinstance(change, LowRank):
            self._low_rank(tensor, at, change, numbers, x)
        elif isinstance(change, AddedVector):
            x += change.scale * self._other(change.tensor, change.order, numbers)
        else:
            y = self._other(change.tensor, change.order, numbers) + change.plus
            x[:] = y if change.strength == 1.0 else x + change.strength * (y - x)

    def _low_rank(self, tensor: Changed, at: int, change: LowRank, numbers: I64, x: F32) -> None:
        left, right = self._left(change, numbers), self._right(change)
        if change.lengths is None:
            kernels.add_low_rank(x, left, right)
        elif change.along == "rows":
            lengths = self._lengths(change, change.lengths)[numbers]
            kernels.scale_rows(x, left, right, lengths, change.strength)
        else:
            factors = self._column_factors(tensor, at, change, change.lengths)
            kernels.scale_columns(x, left, right, factors, change.strength)

    def _keep_only(self, expert: int) -> None:
        """Of the experts of a tensor, keep the values of this one alone."""
        others = [key for key in self._kept if key[2] not in (None, expert)]
        for key in others:
            del self._kept[key]

    def _once(self, owner: LowRank, what: str, make: Callable[[], F64]) -> F64:
        """Values that are computed once for each step."""
        key = (id(owner), what, owner.expert)
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _left(self, change: LowRank, numbers: I64) -> F64:
        """Rows of scale L, f64[rows, rank]."""
        thin = change.left
        rows = numbers if thin.order is None else np.array(thin.order)[numbers]
        found = self._columns(thin.tensor, rows) if thin.turned else self._rows(thin.tensor, rows)
        return found * change.scale

    def _right(self, change: LowRank) -> F64:
        """R, f64[rank, n]."""
        return self._once(change, "right", lambda: self._all(change.right))

    def _lengths(self, change: LowRank, lengths: Thin) -> F64:
        """The lengths of all rows, or columns, in the model's order."""

        def read() -> F64:
            found = self._all(lengths).reshape(-1)
            return found if lengths.order is None else found[np.array(lengths.order)]

        return self._once(change, "lengths", read)

    def _column_factors(self, tensor: Changed, at: int, change: LowRank, lengths: Thin) -> F64:
        """lengths / |column| of W + scale L R, from a pass over all rows of the tensor."""

        def measure() -> F64:
            totals, right = np.zeros(tensor.row_length), self._right(change)
            for numbers, x in self._passing(tensor):
                self._apply(tensor, at, numbers, x)
                kernels.add_column_squares(x, self._left(change, numbers), right, totals)
            sizes = np.sqrt(totals)
            own = self._lengths(change, lengths)
            return np.divide(own, sizes, out=np.zeros_like(own), where=sizes > 0.0)

        return self._once(change, "factors", measure)

    def _passing(self, tensor: Tensor) -> Iterator[tuple[I64, F32]]:
        """All rows of a tensor as its file has them, some at a time."""
        at_once = max(1, AT_ONCE // tensor.row_length)
        for first in range(0, tensor.rows, at_once):
            numbers = np.arange(first, min(first + at_once, tensor.rows))
            yield numbers, self._some(tensor, first, len(numbers))

    def _other(self, tensor: Tensor, order: Order | None, numbers: I64) -> F64:
        """Rows `numbers` of the model from another tensor; a vector is ordered by its elements."""
        if order is None:
            return self._rows(tensor, numbers)
        if tensor.rows == 1:
            return np.ascontiguousarray(self._rows(tensor, numbers)[:, np.array(order)])
        return self._rows(tensor, np.array(order)[numbers])

    def _all(self, thin: Thin) -> F64:
        """A whole thin matrix."""
        found = self._some(thin.tensor, 0, thin.tensor.rows).astype(np.float64)
        return np.ascontiguousarray(found.T) if thin.turned else found

    def _rows(self, tensor: Tensor, numbers: I64) -> F64:
        """Rows of a tensor, adjacent ones in one read."""
        out = np.empty((len(numbers), tensor.row_length))
        for start, end in adjacent(numbers):
            out[start:end] = self._some(tensor, int(numbers[start]), end - start)
        return out

    def _columns(self, tensor: Tensor, numbers: I64) -> F64:
        """Columns of a tensor of plain numbers as rows, f64[len(numbers), rows of the tensor]."""
        out = np.empty((len(numbers), tensor.rows))
        size = tensor.type.nbytes
        for start, end in adjacent(numbers):
            packed = np.empty((tensor.rows, (end - start) * size), np.uint8)
            for row in range(tensor.rows):
                at = row * tensor.row_bytes + int(numbers[start]) * size
                self._read(tensor, at, packed[row])
            out[start:end] = decoded(tensor, packed).T
        return out

    def _some(self, tensor: Tensor, first: int, rows: int) -> F32:
        packed = np.empty((rows, tensor.row_bytes), np.uint8)
        self._read(tensor, first * tensor.row_bytes, packed)
        return decoded(tensor, packed)


def decoded(tensor: Tensor, packed: U8) -> F32:
    """Packed rows of the tensor, or parts of its rows, as float32."""
    weights = packed.shape[1] // tensor.type.nbytes * tensor.type.block
    out = np.empty((len(packed), weights), np.float32)
    decode(tensor, packed, out)
    return out
