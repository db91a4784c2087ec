"""Methods along great circles: factors from the angles between models, or between their deltas."""

from functools import partial
from typing import Any

import numpy as np
from edgemed_native.sum_kernels import add_column_gram

from edgemed.errors import EdgemedError, UsageError
from edgemed.merging.methods import rowwise, spheres
from edgemed.merging.methods.cancelling import divided_by_nothing
from edgemed.merging.methods.method import Method, all_of
from edgemed.merging.methods.schema import Count, Each, Positive, Share
from edgemed.merging.methods.stream import Mix, Stream, weighted

LINEAR, SPHERE = VECTORS = ("linear", "sphere")
"""How slerp, nuslerp, multislerp and karcher mix vectors (norms, biases).

`linear` is the default, `sphere` the way of matrices and of mergekit. Where norms differ by 1 or
2 %, as in fine-tunes, the two give merges at most 4e-4 nats per token apart and neither has a lower
loss; where they differ by 14 %, the sphere's is higher (see docs/methods.md). Nor does linear
depend on how a converter stores norms: GGUF adds 1 to those of Gemma, which turns a vector.
"""


def slerp(stream: Stream, *, t: Share, vectors: str = LINEAR) -> Mix:
    """The base at t = 0, the other model at 1, along the great circle (Shoemake, SIGGRAPH 1985).

    Vectors linearly, unless `vectors` is sphere; see VECTORS.
    """
    if is_straight(stream, vectors):
        return weighted((1.0 - t, t), keeps_equal_rows=True)
    return weighted(spheres.great_circle(t, stream.gram()), keeps_equal_rows=True)


def nuslerp(
    stream: Stream,
    *,
    weight: Each,
    nuslerp_flatten: bool = True,
    nuslerp_row_wise: bool = False,
    vectors: str = LINEAR,
) -> Mix:
    """SLERP at t = w_2 / (w_1 + w_2), of the deltas where there is a base (mergekit).

    Not flattened, every row of a tensor is a vector of its own; with nuslerp_row_wise every column
    (checkpoints name them the other way round). Linear where sin theta < 1e-8. Vectors linearly,
    unless `vectors` is sphere; see VECTORS.
    """
    t = spheres.shares(weight)[1]
    if is_straight(stream, vectors):
        return weighted(spheres.of_sources(stream.based, (1.0 - t, t)), True)
    if nuslerp_flatten or stream.is_vector:
        factors = spheres.great_circle(t, models_gram(stream), straight=None)
        return weighted(spheres.of_sources(stream.based, factors), True)
    if not nuslerp_row_wise:
        return Mix(partial(rowwise.great_circles, t, stream.based))
    sums = np.zeros((3, stream.length))
    for _, x in stream.chunks():
        add_column_gram(rowwise.vectors(x, stream.based), sums)
    return Mix(partial(rowwise.scale_columns, rowwise.circle_factors(t, sums), stream.based))


def multislerp(
    stream: Stream,
    *,
    weight: Each,
    normalize_weights: bool = True,
    eps: Positive = 1e-8,
    vectors: str = LINEAR,
) -> Mix:
    """Barycentre on the sphere through the tangent space at the mean direction (Goddard 2024).

    Two opposite models are averaged linearly. See `spheres.tangent_mean`. Vectors linearly, unless
    `vectors` is sphere; see VECTORS.
    """
    weight = spheres.shares(weight) if normalize_weights else weight
    if is_straight(stream, vectors) or stream.models == 1:
        return weighted(spheres.of_sources(stream.based, weight), True)
    gram = models_gram(stream)
    if not gram.any():  # zeros in all models, such as biases that were never trained
        return weighted(spheres.of_sources(stream.based, weight), True)
    try:
        factors = spheres.tangent_mean(weight, gram, eps)
    except ValueError as error:
        if stream.models > 2:
            raise EdgemedError(
                f"{stream.name}: {error}", "give weights that do not cancel"
            ) from error
        factors = weight
    return weighted(spheres.of_sources(stream.based, factors), True)


def karcher(
    stream: Stream,
    *,
    weight: Each = (1.0,),
    max_iter: Count = 10,
    tol: Positive = 1e-5,
    vectors: str = LINEAR,
) -> Mix:
    """Riemannian centre of mass of the directions, times the mean norm (Karcher 1977).

    See `spheres.karcher_mean`. Vectors linearly, unless `vectors` is sphere; see VECTORS.
    """
    weight = spheres.shares(weight)
    if is_straight(stream, vectors) or stream.models == 1:
        return weighted(weight, True)
    return weighted(spheres.karcher_mean(weight, stream.gram(), max_iter, tol), True)


def is_straight(stream: Stream, vectors: str) -> bool:
    """Whether this tensor is a vector to be mixed linearly."""
    return stream.is_vector and vectors == LINEAR


def models_gram(stream: Stream) -> spheres.F64:
    """Products of the models, or of their deltas where there is a base."""
    gram = stream.gram()
    return spheres.deltas_gram(gram) if stream.based else gram


def one_end(group: str, *, t: float, **parameters: Any) -> int | None:
    """The base at t = 0, the other at t = 1."""
    return int(t) if t in (0.0, 1.0) else None


def known_way(name: str, *, vectors: str, **parameters: Any) -> None:
    """Refuse a word for `vectors` that is not in VECTORS."""
    if vectors not in VECTORS:
        raise UsageError(f"vectors is {vectors!r}", f"it must be {' or '.join(VECTORS)}")


def column_sums(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Three float64 sums for every column, and then two factors."""
    return 3 * 8 * length


def column_factors(sources: int, rows: int, length: int, **parameters: Any) -> int:
    """Two float32 factors for every column."""
    return 2 * 4 * length


ROWS = {
    "slerp": Method(slerp, "first of two", 2, 2, 1, one_end, check=known_way),
    "nuslerp": Method(
        nuslerp,
        "optional",
        2,
        2,
        1,
        state=column_sums,
        kept=column_factors,
        check=all_of(known_way, divided_by_nothing("")),
    ),
    "multislerp": Method(
        multislerp,
        "optional",
        1,
        passes=1,
        check=all_of(known_way, divided_by_nothing("normalize_weights")),
    ),
    "karcher": Method(
        karcher, "none", 1, passes=1, check=all_of(known_way, divided_by_nothing(""))
    ),
}
