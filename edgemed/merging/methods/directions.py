"""Methods that compare the deltas of whole tensors: cosines and row spaces."""

from functools import partial
from typing import Any

from edgemed.merging.methods import rowwise, spheres, subspace
from edgemed.merging.methods.method import Method
from edgemed.merging.methods.schema import Each, Natural
from edgemed.merging.methods.stream import Mix, Stream, weighted

OVERLAP = ("overlap before", "overlap after")


def model_stock(stream: Stream, *, filter_wise: bool = False) -> Mix:
    """t mean(x_i) + (1 - t) x_0, t = n c / (1 + (n - 1) c) with c the mean cosine of the deltas,
    of the tensor or of every row (Jang et al., arXiv 2403.19522)."""
    if filter_wise:
        return Mix(rowwise.stock_rows)
    t = float(spheres.stock_ratio(spheres.deltas_gram(stream.gram())))
    return weighted((1.0 - t, *(t / stream.models,) * stream.models), True, {"t": t})


def orthogonal(stream: Stream, *, weight: Each = (1.0,), rank: Natural = 0) -> Mix:
    """x_0 + w_1 d_1 + w_2 d_2', d_2' the part of the second delta (alignment) that is orthogonal to
    the first (clinical): as whole tensors, or with `rank` to the leading row space of the first.

    Inspired by MedCare (arXiv 2406.17484), which trains in directions orthogonal to knowledge.
    """
    if rank and not stream.is_vector:
        basis = subspace.leading_row_space(stream, rank)
        facts = dict(zip(OVERLAP, subspace.overlap(stream, basis), strict=True))
        return Mix(partial(subspace.blend_apart, basis, weight), True, facts)
    gram = spheres.deltas_gram(stream.gram())
    along = float(gram[0, 1] / gram[0, 0]) if gram[0, 0] > 0.0 else 0.0
    facts = dict(zip(OVERLAP, spheres.overlap(gram, along), strict=True))
    factors = (weight[0] - weight[1] * along, weight[1])
    return weighted(spheres.from_deltas(factors), True, facts)


def wide_basis(sources: int, rows: int, length: int, rank: int, **parameters: Any) -> int:
    """A float64 basis with vectors to spare, it and its successor in float32."""
    return 2 * 8 * length * (rank + subspace.OVERSAMPLED) if rank else 0


def basis(sources: int, rows: int, length: int, rank: int, **parameters: Any) -> int:
    """A float32 basis of the subspace."""
    return 4 * length * (rank + rank % 2)


ROWS = {
    "model_stock": Method(model_stock, "required", 2, passes=1),
    "orthogonal": Method(orthogonal, "required", 2, 2, 1, state=wide_basis, kept=basis),
}
