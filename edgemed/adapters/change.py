"""How adapters change a tensor, as data: thin matrices in files, or whole tensors replacing it.

    low rank    W' = W + scale L R             L[rows, rank], R[rank, row length]
    lengths     W' = lengths (W + scale L R) / |W + scale L R|, of every row or column (DoRA)
    whole       W' = another tensor
    added       W' = W + scale V                       V a vector, of a bias

A tensor that holds the matrices of all experts, one after the other, has changes of single
experts: W is then that expert's matrix. With a `strength` the result lies that far between W and
W': 0 changes nothing, 1 is the adapter as trained. `scale` already includes it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edgemed.gguf import Tensor

AT_ONCE = 1 << 14
"""Weights that a pass over a whole tensor reads at a time, for the lengths of columns."""

Order = tuple[int, ...]
"""Row i of the model's tensor is row order[i] of the adapter's."""


@dataclass(frozen=True, slots=True)
class Thin:
    """A thin matrix in an adapter's file. `turned`: the file has its columns as rows."""

    tensor: Tensor
    turned: bool = False
    order: Order | None = None


@dataclass(frozen=True, slots=True)
class LowRank:
    """`lengths`: of the rows or columns of the result; None: they are as they come. `expert`: the
    only one that is changed, of a tensor of experts."""

    left: Thin
    right: Thin
    scale: float
    lengths: Thin | None = None
    along: Literal["rows", "columns"] = "rows"
    strength: float = 1.0
    expert: int | None = None

    @property
    def rank(self) -> int:
        """The number of columns of L."""
        return self.left.tensor.rows if self.left.turned else self.left.tensor.row_length


@dataclass(frozen=True, slots=True)
class Whole:
    """Another tensor, to every number of which `plus` is added (gemma's norms)."""

    tensor: Tensor
    order: Order | None = None
    plus: float = 0.0
    strength: float = 1.0
    expert: int | None = None


@dataclass(frozen=True, slots=True)
class AddedVector:
    """A vector that is added to another."""

    tensor: Tensor
    scale: float
    order: Order | None = None


Change = LowRank | Whole | AddedVector


@dataclass(frozen=True, slots=True)
class Changed(Tensor):
    """A tensor of a model that adapters change, one after the other, while it is read."""

    changes: tuple[Change, ...]


def changed(tensor: Tensor, changes: Iterable[Change], name: str | None = None) -> Changed:
    """`tensor`, changed after any earlier changes. `name`: its new name."""
    t, every = tensor, (*changes_of(tensor), *changes)
    place = (t.path, t.offset, t.nbytes)
    return Changed(name or t.name, t.shape, t.type, *place, every, gathered=t.gathered)


def changes_of(tensor: Tensor) -> tuple[Change, ...]:
    """The changes of a tensor; none for a plain one."""
    return tensor.changes if isinstance(tensor, Changed) else ()


def is_changed(tensor: Tensor) -> bool:
    """Whether adapters change it, so that its bytes are not its values."""
    return bool(changes_of(tensor))


def shape_of(change: Change) -> tuple[int, int]:
    """(rows, row length) of the tensor that a change is for."""
    if not isinstance(change, LowRank):
        return change.tensor.rows, change.tensor.row_length
    left, right = change.left.tensor, change.right.tensor
    rows = left.row_length if change.left.turned else left.rows
    return rows, right.rows if change.right.turned else right.row_length


def rows_of(change: Change) -> range | None:
    """The rows of the tensor that it changes; None: all."""
    expert = None if isinstance(change, AddedVector) else change.expert
    if expert is None:
        return None
    rows = shape_of(change)[0]
    return range(expert * rows, (expert + 1) * rows)


def ranges_of(tensor: Tensor) -> list[range]:
    """The rows of a tensor that adapters change, if they can be changed one by one."""
    found = {rows_of(change) or range(tensor.rows) for change in changes_of(tensor)}
    return sorted(found, key=lambda rows: (rows.start, rows.stop))


def parts(change: Change) -> Iterator[Tensor]:
    """The tensors of the adapter that a change is made of."""
    if not isinstance(change, LowRank):
        yield change.tensor
        return
    yield from (change.left.tensor, change.right.tensor)
    if change.lengths is not None:
        yield change.lengths.tensor


def state_bytes(tensors: Iterable[Tensor]) -> int:
    """The most that a worker holds of these tensors' changes beside a chunk: R in float64, and
    as much again while it is decoded; lengths of rows or columns, and rows that are measured."""
    return sum(int(at_once(t, [held(t, change) for change in changes_of(t)])) for t in tensors)


def bytes_per_weight(tensors: Iterable[Tensor]) -> float:
    """What a worker holds of these tensors' changes for each weight of a chunk: rows of L, or of
    other tensors, packed, as float32, and twice as float64."""
    return sum(at_once(t, [per_weight(t, change) for change in changes_of(t)]) for t in tensors)


def at_once(tensor: Tensor, sizes: Sequence[float]) -> float:
    """What changes of these sizes take together; of experts there is one at a time."""
    experts: dict[int | None, float] = {}
    for change, size in zip(changes_of(tensor), sizes, strict=True):
        expert = None if isinstance(change, AddedVector) else change.expert
        experts[expert] = experts.get(expert, 0) + size
    return experts.pop(None, 0) + max(experts.values(), default=0)


def per_weight(tensor: Tensor, change: Change) -> float:
    """Bytes of one change for each weight; rows of an expert are copied besides."""
    copied = 4 if rows_of(change) else 0
    return copied + (24 * change.rank / tensor.row_length if isinstance(change, LowRank) else 24)


def held(tensor: Tensor, change: Change) -> int:
    """Bytes of one change."""
    if not isinstance(change, LowRank):
        return 3 * 8 * tensor.row_length
    passing = 16 * max(AT_ONCE, tensor.row_length) if change.along == "columns" else 0
    lengths = 0 if change.lengths is None else 16 * (tensor.rows + tensor.row_length)
    return 16 * change.rank * tensor.row_length + lengths + passing
