"""Reads rows of embeddings and heads in the order of the output's vocabulary.

A model that lacks a token gets its row from the models that have it: from the base where it does,
else from the only one, else the mean of all (after mergekit's rule). No tensor is held whole.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgemed.adapters import change
from edgemed.errors import Incompatible
from edgemed.gguf import Tensor
from edgemed.merging.parents.vocabulary import Lexicon

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

VOCABULARY_TENSORS = ("token_embd.weight", "output.weight", "per_layer_token_embd.weight")
"""Tensors with one row for each token. Any other tensor with one value for each token stops a merge
of unequal vocabularies."""


@dataclass(frozen=True, slots=True)
class TokenRows(Tensor):
    """A tensor whose row i is row `order[i]` of `stored`; -1: the model has no such token."""

    order: tuple[int, ...]
    stored: Tensor


def stored(tensor: Tensor) -> Tensor:
    """The tensor in the order of its own file."""
    return tensor.stored if isinstance(tensor, TokenRows) else tensor


def is_changed(tensor: Tensor) -> bool:
    """Whether its packed rows are not final: an adapter changes them when they are decoded."""
    return change.is_changed(stored(tensor))


def is_as_stored(tensor: Tensor) -> bool:
    """Whether its packed rows are its values: nothing changes them when they are decoded."""
    inner = stored(tensor)
    return not change.is_changed(inner) and not (inner.gathered and inner.gathered.plus)


def parts(tensor: Tensor) -> Iterator[Tensor]:
    """The stored tensor, and those of the adapters that change it."""
    yield stored(tensor)
    yield from (part for each in change.changes_of(stored(tensor)) for part in change.parts(each))


def numbers_of(tensor: Tensor, first: int, rows: int) -> NDArray[np.int64]:
    """Which rows of the stored tensor its rows from `first` are; -1: none."""
    if isinstance(tensor, TokenRows):
        return np.array(tensor.order[first : first + rows], np.int64)
    return np.arange(first, first + rows)


def in_order(tensor: Tensor, lexicon: Lexicon, model_path: object) -> Tensor:
    """The tensor in the order of the output's vocabulary; unchanged if no row moves."""
    order = next((o for path, o in lexicon.orders.items() if path == model_path), None)
    if order is None or tensor.name not in VOCABULARY_TENSORS:
        return tensor
    if max(order) >= tensor.rows:
        raise Incompatible(
            f"{tensor.path.name}: {tensor.name} has {tensor.rows:,} rows, "
            f"fewer than its vocabulary has tokens",
            "the file is damaged or was converted wrongly; get it from another publisher",
        )
    if order == tuple(range(tensor.rows)):
        return tensor
    shape, nbytes = (tensor.row_length, len(order)), len(order) * tensor.row_bytes
    place = (tensor.path, tensor.offset, nbytes)
    return TokenRows(tensor.name, shape, tensor.type, *place, order, tensor)


def has_gaps(tensor: Tensor) -> bool:
    """Whether the model lacks a row that the output has."""
    return isinstance(tensor, TokenRows) and min(tensor.order) < 0


def refuse_ownerless(name: str, tensors: Sequence[Tensor]) -> None:
    """Refuse unless every row is in at least one source."""
    if not all(has_gaps(tensor) for tensor in tensors):
        return
    orders = [tensor.order for tensor in tensors if isinstance(tensor, TokenRows)]
    lost = sum(max(rows) < 0 for rows in zip(*orders, strict=True))
    if lost:
        raise Incompatible(
            f"{name}: no model of this slice has a row for {lost:,} tokens of the output",
            "take the embeddings from a slice with the model whose vocabulary is kept",
        )


def read_runs(tensor: TokenRows, first: int, buffer: U8, read: Callable[[U8, int], None]) -> None:
    """Fill `buffer` with rows from `first`, adjacent stored rows in one `read(buffer, row)`.

    Rows that the model lacks are zeros.
    """
    rows = np.array(tensor.order[first : first + len(buffer)])
    apart = (np.diff(rows) != 1) | (rows[1:] < 0) | (rows[:-1] < 0)
    starts = [0, *(np.flatnonzero(apart) + 1), len(rows)]
    for start, end in pairwise(starts):
        if rows[start] < 0:
            buffer[start:end] = 0
        else:
            read(buffer[start:end], int(rows[start]))


def gaps(
    sources: Sequence[Tensor], based: bool, first: int, rows: int
) -> Iterator[tuple[int, int, list[int]]]:
    """(row in the chunk, source that lacks it, sources that give it)."""
    orders = [
        np.array(t.order[first : first + rows]) if isinstance(t, TokenRows) else None
        for t in sources
    ]
    lacking = np.array([o < 0 if o is not None else np.zeros(rows, bool) for o in orders])
    for row in np.flatnonzero(lacking.any(axis=0)):
        owners = [int(s) for s in np.flatnonzero(~lacking[:, row])]
        givers = [0] if based and owners[0] == 0 else owners
        yield from ((int(row), int(s), givers) for s in np.flatnonzero(lacking[:, row]))


def fill_packed(sources: Sequence[Tensor], based: bool, first: int, packed: Sequence[U8]) -> None:
    """Rows that one source alone gives are its bytes, if the types are equal: they can be kept."""
    if any(has_gaps(tensor) for tensor in sources):
        for row, lacking, givers in gaps(sources, based, first, len(packed[0])):
            if len(givers) == 1 and sources[givers[0]].type == sources[lacking].type:
                packed[lacking][row] = packed[givers[0]][row]


def fill_decoded(sources: Sequence[Tensor], based: bool, first: int, x: F32) -> None:
    """Rows that a source lacks are the mean of what is given. x f32[sources, rows, n]."""
    if any(has_gaps(tensor) for tensor in sources):
        for row, lacking, givers in gaps(sources, based, first, x.shape[1]):
            x[lacking, row] = x[givers, row].mean(axis=0, dtype=np.float64)
