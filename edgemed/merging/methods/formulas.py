"""Merge methods: each is its formula. The signature is the schema that recipes are checked against.

A method gets the stream of a tensor's rows and its parameters for that tensor, and says how rows
are mixed. x_i are the models, x_0 the base, d_i = x_i - x_0 the deltas, w_i the weights, n how many
models. METHODS says which of them takes a base, and how many models.
"""

import math
from functools import partial

import numpy as np
from edgemed_native import delta_kernels
from edgemed_native.sum_kernels import add_column_gram, add_squares

from edgemed.errors import EdgemedError
from edgemed.merging.methods import deltas, rowwise, spheres, subspace
from edgemed.merging.methods.fusion import fuse
from edgemed.merging.methods.schema import Count, Each, Natural, Positive, Share, Shares
from edgemed.merging.methods.select import (
    INFINITE_BITS,
    Border,
    border,
    order_statistic_beside_zeros,
)
from edgemed.merging.methods.stream import Mix, Stream, weighted

LINEAR, SPHERE = VECTORS = ("linear", "sphere")
"""How slerp, nuslerp, multislerp and karcher mix vectors (norms, biases).

`linear` is the default, `sphere` the way of matrices and of mergekit. Where norms differ by 1 or
2 %, as in fine-tunes, merges of either way are at most 4e-4 nats a token apart and neither has less
loss; where they differ by 14 %, the sphere has more (measured: README). Nor does linear depend on
how a converter stores norms: GGUF adds 1 to those of Gemma, which turns a vector.
"""


def linear(stream: Stream, *, weight: Each, normalize: bool = True) -> Mix:
    """sum w_i x_i, divided by sum w_i (model soups: Wortsman et al., arXiv 2203.05482)."""
    total = math.fsum(weight) if normalize else 1.0
    return weighted(tuple(w / (total or 1.0) for w in weight))


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
        return weighted(based(stream, (1.0 - t, t)), True)
    if nuslerp_flatten or stream.is_vector:
        gram = models_gram(stream)
        return weighted(based(stream, spheres.great_circle(t, gram, straight=None)), True)
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
        return weighted(based(stream, weight), True)
    gram = models_gram(stream)
    if not gram.any():  # zeros in all models, such as biases that were never trained
        return weighted(based(stream, weight), True)
    try:
        factors = spheres.tangent_mean(weight, gram, eps)
    except ValueError as error:
        if stream.models > 2:
            raise EdgemedError(f"{stream.name}: {error}", "give other weights") from error
        factors = weight
    return weighted(based(stream, factors), True)


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


def task_arithmetic(
    stream: Stream, *, weight: Each, lambda_: float = 1.0, normalize: bool = False
) -> Mix:
    """x_0 + lambda sum w_i d_i (Ilharco et al., arXiv 2212.04089)."""
    none: deltas.Trims = (None,) * stream.models
    return deltas.task_vectors(
        stream, weight, none, elect=False, normalize=normalize, scale=lambda_, rescale=False
    )


def instruction_residual(stream: Stream, *, scale: float = 1.0) -> Mix:
    """x_1 + scale (x_2 - x_0): a domain model plus what instruction tuning added to their base
    (Jindal et al., arXiv 2410.10739)."""
    return weighted((-scale, 1.0, scale), True)


def ties(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    lambda_: float = 1.0,
    normalize: bool = True,
    rescale: bool = False,
) -> Mix:
    """Largest magnitudes, elected signs (Yadav et al., arXiv 2306.01708)."""
    trims = deltas.by_magnitude(stream, density)
    return deltas.task_vectors(
        stream, weight, trims, elect=True, normalize=normalize, scale=lambda_, rescale=rescale
    )


def dare_linear(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    lambda_: float = 1.0,
    normalize: bool = False,
    rescale: bool = True,
) -> Mix:
    """Random elements, rescaled to the sum of magnitudes before (Yu et al., arXiv 2311.03099)."""
    trims = deltas.at_random(stream, density)
    return deltas.task_vectors(
        stream, weight, trims, elect=False, normalize=normalize, scale=lambda_, rescale=rescale
    )


def dare_ties(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    lambda_: float = 1.0,
    normalize: bool = False,
    rescale: bool = True,
) -> Mix:
    """`dare_linear` with elected signs."""
    trims = deltas.at_random(stream, density)
    return deltas.task_vectors(
        stream, weight, trims, elect=True, normalize=normalize, scale=lambda_, rescale=rescale
    )


def della(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    epsilon: Shares = (0.15,),
    lambda_: float = 1.0,
    normalize: bool = True,
    rescale: bool = True,
) -> Mix:
    """Random elements, larger ones of a row likelier; elected signs (Deep et al., 2406.11617)."""
    trims = deltas.by_rank(stream, density, epsilon)
    return deltas.task_vectors(
        stream, weight, trims, elect=True, normalize=normalize, scale=lambda_, rescale=rescale
    )


def della_linear(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    epsilon: Shares = (0.15,),
    lambda_: float = 1.0,
    normalize: bool = False,
    rescale: bool = True,
) -> Mix:
    """`della` without elected signs."""
    trims = deltas.by_rank(stream, density, epsilon)
    return deltas.task_vectors(
        stream, weight, trims, elect=False, normalize=normalize, scale=lambda_, rescale=rescale
    )


def breadcrumbs(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    gamma: Shares = (0.01,),
    lambda_: float = 1.0,
    normalize: bool = False,
    rescale: bool = False,
) -> Mix:
    """Neither the largest magnitudes nor the smallest (Davari, Belilovsky, arXiv 2312.06795)."""
    trims = deltas.without_outliers(stream, density, gamma)
    return deltas.task_vectors(
        stream, weight, trims, elect=False, normalize=normalize, scale=lambda_, rescale=rescale
    )


def breadcrumbs_ties(
    stream: Stream,
    *,
    weight: Each,
    density: Shares = (1.0,),
    gamma: Shares = (0.01,),
    lambda_: float = 1.0,
    normalize: bool = False,
    rescale: bool = False,
) -> Mix:
    """`breadcrumbs` with elected signs."""
    trims = deltas.without_outliers(stream, density, gamma)
    return deltas.task_vectors(
        stream, weight, trims, elect=True, normalize=normalize, scale=lambda_, rescale=rescale
    )


def sce(stream: Stream, *, select_topk: Share = 1.0) -> Mix:
    """Elements in which the deltas vary most, weighted by their mean square, elected signs
    (FuseChat: Wan et al., arXiv 2408.07990)."""
    least = varied(stream, select_topk) if select_topk < 1.0 else None
    squares = np.zeros(stream.models)
    for first, x in stream.chunks():
        rowwise.keep_varied(least, x, first)
        add_squares(x[1:], squares)
    total = math.fsum(squares.tolist())
    weight = squares / total if total > 0.0 else np.full(stream.models, 1.0 / stream.models)
    return Mix(partial(rowwise.elect_varied, least, weight.astype(np.float32)))


def varied(stream: Stream, share: float) -> Border:
    """The least variance among the `share` of elements (of those with any) that vary most; among
    equals the lowest index counts as the largest."""

    def kept(zeros: int) -> int:
        return int(share * (stream.weights - zeros))

    def rank(zeros: int) -> int:
        return stream.weights - max(1, kept(zeros))

    found, zeros = order_statistic_beside_zeros(stream, rowwise.variances, rank)
    if not kept(zeros):
        return Border(INFINITE_BITS, 0)
    above = stream.weights - found.below - found.equal
    return border(stream, rowwise.variances, found, kept(zeros) - above)


def ram(stream: Stream, *, epsilon: Positive = 1e-5) -> Mix:
    """Elements that one model alone changed are added, those of several averaged (reinforced
    agent merging, arXiv 2601.13572)."""
    return Mix(partial(rowwise.unique_and_shared, epsilon, np.ones(stream.models, np.float32)))


def ramplus_tl(
    stream: Stream, *, r: float = 0.1, alpha: float = 0.2, epsilon: Positive = 1e-5
) -> Mix:
    """`ram` with a model's own changes times 1 + r clip(shared / unique, 0, alpha), counted in
    the tensor (arXiv 2601.13572)."""
    counts = np.zeros((stream.models, 2), np.int64)
    for _, x in stream.chunks():
        flat = x.reshape(len(x), -1)
        delta_kernels.subtract_base(flat)
        delta_kernels.count_changes(flat, np.float32(epsilon), counts)
    ratio = counts[:, 1] / np.maximum(counts[:, 0], epsilon)
    factors = 1.0 + r * np.clip(ratio, 0.0, alpha)
    return Mix(partial(rowwise.unique_and_shared, epsilon, factors.astype(np.float32)))


def model_stock(stream: Stream, *, filter_wise: bool = False) -> Mix:
    """t mean(x_i) + (1 - t) x_0, t = n c / (1 + (n - 1) c) with c the mean cosine of the deltas,
    of the tensor or of every row (Jang et al., arXiv 2403.19522)."""
    if filter_wise:
        return Mix(rowwise.stock_rows)
    t = float(spheres.stock_ratio(spheres.deltas_gram(stream.gram())))
    return weighted((1.0 - t, *(t / stream.models,) * stream.models), True, {"t": t})


def nearswap(stream: Stream, *, t: Positive) -> Mix:
    """k x_2 + (1 - k) x_1 with k = min(t / |x_1 - x_2|, 1), x_1 the base (alchemonaut 2024)."""
    return Mix(partial(rowwise.near_swap, t))


def arcee_fusion(stream: Stream) -> Mix:
    """Elements of the other model where |difference| times the row's divergence is an outlier, of
    the base elsewhere (Arcee; outlier: median + 1.5 times the interquartile range, exact here)."""
    return fuse(stream)


def passthrough(stream: Stream, *, scale: Each = (1.0,)) -> Mix:
    """x_1, times scale."""
    return weighted(scale)


OVERLAP = ("overlap before", "overlap after")


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
    return weighted(based(stream, (weight[0] - weight[1] * along, weight[1])), True, facts)


def decouple(
    stream: Stream,
    *,
    weight: Each = (1.0,),
    keep: str = "attn",
    density: Shares = (1.0,),
    consensus: Share = 0.0,
) -> Mix:
    """x_0 + sum w_i d_i in one group of tensors alone (`keep`: attn or ffn; all), of the largest
    `density` of every delta, and only where |sum w_i d_i| >= consensus sum |w_i d_i|.

    After MedCare's and TAIA's use of attention alone (arXiv 2406.17484, 2405.20192).
    """
    trims = deltas.by_magnitude(stream, density)
    if consensus:
        return Mix(partial(deltas.blend_agreed, trims, weight, consensus))
    return deltas.task_vectors(
        stream, weight, trims, elect=False, normalize=False, scale=1.0, rescale=False
    )


def is_straight(stream: Stream, vectors: str) -> bool:
    """Whether this tensor is a vector that is to be mixed linearly."""
    return stream.is_vector and vectors == LINEAR


def models_gram(stream: Stream) -> spheres.F64:
    """Products of the models, or of their deltas where there is a base."""
    gram = stream.gram()
    return spheres.deltas_gram(gram) if stream.based else gram


def based(stream: Stream, factors: tuple[float, ...]) -> tuple[float, ...]:
    """Factors of all sources from those of the deltas, or of the models where there is no base."""
    return spheres.from_deltas(factors) if stream.based else factors
