"""Geometry of whole tensors through their Gram matrix: every mean on a sphere is a weighted sum.

A point that methods such as SLERP or the Karcher mean reach lies in the span of the sources, so
products of sources (one streamed pass) are all they need; the results are factors of the sources.
All in float64.
"""

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

COLLINEAR = 0.9995
"""Above this cosine SLERP is linear interpolation (the published reference's threshold)."""


def deltas_gram(gram: F64) -> F64:
    """Products of the deltas (source minus source 0) from the products of the sources."""
    return np.asarray(gram[1:, 1:] - gram[1:, :1] - gram[:1, 1:] + gram[0, 0])


def great_circle(t: float, gram: F64, straight: float | None = COLLINEAR) -> tuple[float, float]:
    """`on_circle` of two vectors with these products."""
    return on_circle(t, float(gram[0, 0]), float(gram[0, 1]), float(gram[1, 1]), straight)


def on_circle(
    t: float, aa: float, ab: float, bb: float, straight: float | None
) -> tuple[float, float]:
    """Factors of two vectors on the great circle between them (Shoemake, SIGGRAPH 1985).

    theta = acos(A.B / |A||B|); factors sin((1-t) theta)/sin theta and sin(t theta)/sin theta act on
    the vectors as they are, not on unit vectors. Linear above the cosine `straight`, (None: only
    where sin theta < 1e-8), and where one vector is zero and has no direction.
    """
    norms = math.sqrt(max(aa, 0.0)) * math.sqrt(max(bb, 0.0))
    cosine = min(max(ab / norms, -1.0), 1.0) if norms > 0.0 else 1.0
    theta = math.acos(cosine)
    if abs(cosine) > straight if straight is not None else math.sin(theta) < 1e-8:
        return 1.0 - t, t
    return math.sin((1.0 - t) * theta) / math.sin(theta), math.sin(t * theta) / math.sin(theta)


def from_deltas(factors: tuple[float, ...]) -> tuple[float, ...]:
    """Factors of base and models, from those of the deltas."""
    return math.fsum((1.0, *(-f for f in factors))), *factors


def of_sources(based: bool, factors: tuple[float, ...]) -> tuple[float, ...]:
    """Factors of all sources, from those of the deltas where `based`, else of the models."""
    return from_deltas(factors) if based else factors


def shares(weight: tuple[float, ...]) -> tuple[float, ...]:
    """Weights that add up to one; equal ones where they cancel."""
    total = math.fsum(weight)
    if abs(total) < 1e-6:
        return (1.0 / len(weight),) * len(weight)
    return tuple(w / total for w in weight)


def lengths(gram: F64) -> F64:
    """The norm of every vector."""
    return np.asarray(np.sqrt(np.maximum(np.diag(gram), 0.0)))


def cosines(gram: F64) -> F64:
    """f64[n, n]: cosines between all vectors; 0 where one has no direction."""
    norms = lengths(gram)
    products = np.outer(norms, norms)
    found = np.divide(gram, products, out=np.zeros_like(gram), where=products > 0.0)
    return np.asarray(np.clip(found, -1.0, 1.0))


def dot(a: F64, b: F64) -> float:
    """The sum of products, rounded once: linear algebra libraries differ in the order in which they
    add."""
    return math.fsum((a * b).tolist())


def times(matrix: F64, vector: F64) -> F64:
    """Matrix by vector, every row by `dot`."""
    return np.array([dot(row, vector) for row in matrix])


def tangent_mean(weight: tuple[float, ...], gram: F64, eps: float) -> tuple[float, ...]:
    """Factors of the barycentre in the tangent space at the weighted mean direction, on the sphere.

    Unit vectors u_i, m = sum w_i u_i / |.|, tangent v = sum w_i (u_i - (u_i.m) m), result
    (cos|v| m + sin|v| v/|v|) sum w_i |x_i|. ValueError where the weighted directions cancel.
    """
    w, norms = np.array(weight), lengths(gram)
    units, cosine = 1.0 / (norms + eps), cosines(gram)
    mean = w.copy()
    length = math.sqrt(max(dot(mean, times(cosine, mean)), 0.0))
    if length < eps:
        raise ValueError("the weighted directions cancel")
    mean /= length
    tangent = w - dot(w, times(cosine, mean)) * mean
    size = math.sqrt(max(dot(tangent, times(cosine, tangent)), 0.0)) + eps
    direction = math.cos(size) * mean + math.sin(size) / size * tangent
    return tuple(float(f) for f in direction * units * dot(w, norms))


def karcher_mean(
    weight: tuple[float, ...], gram: F64, most: int, tolerance: float
) -> tuple[float, ...]:
    """Factors of the weighted Riemannian centre of mass on the unit sphere, times the mean norm.

    Repeats: tangent v = sum w_i (theta_i / sin theta_i) (u_i - cos theta_i m), then m moves by |v|
    along v, until |v| < tolerance or `most` times (Karcher 1977). Zero vectors take no part.
    """
    norms, cosine = lengths(gram), cosines(gram)
    w = np.where(norms > 0.0, np.array(weight), 0.0)
    if not w.any():
        return tuple(weight)
    mean = w = w / math.fsum(w.tolist())
    length = math.sqrt(max(dot(mean, times(cosine, mean)), 0.0))
    mean = mean / length if length >= tolerance else np.eye(len(w))[int(np.argmax(w))]
    for _ in range(most):
        dots = np.clip(times(cosine, mean), -1.0, 1.0)
        pull = np.array([w_i * stretch(float(d)) for w_i, d in zip(w, dots, strict=True)])
        tangent = pull - dot(pull, dots) * mean
        size = math.sqrt(max(dot(tangent, times(cosine, tangent)), 0.0))
        if size < tolerance:
            break
        mean = math.cos(size) * mean + math.sin(size) / size * tangent
        mean = mean / math.sqrt(dot(mean, times(cosine, mean)))
    units = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0.0)
    return tuple(float(f) for f in mean * units * dot(w, norms))


def stretch(cosine: float) -> float:
    """theta / sin theta: how much longer the way along the sphere is; 0 for opposite points."""
    theta = math.acos(cosine)
    if theta < 1e-8:
        return 1.0
    return theta / math.sin(theta) if math.sin(theta) > 1e-8 else 0.0


def stock_ratio(gram: F64) -> F64:
    """t = n c / (1 + (n - 1) c), c the mean cosine of all pairs of n deltas (Model Stock).

    gram f64[..., n, n] -> f64[...]; a delta without direction has cosine 0 to all others.
    """
    n = gram.shape[-1]
    total = np.zeros(gram.shape[:-2])
    for i in range(n):
        for j in range(i):
            norms = np.sqrt(gram[..., i, i]) * np.sqrt(gram[..., j, j])
            total += np.divide(gram[..., i, j], norms, out=np.zeros_like(norms), where=norms > 0.0)
    cosine = total / (n * (n - 1) / 2)
    return np.asarray(n * cosine / (1.0 + (n - 1) * cosine))


def overlap(gram: F64, along: float) -> tuple[float, float]:
    """|cosine| of two vectors, and of the first with the second less `along` times the first."""
    aa, ab, bb = float(gram[0, 0]), float(gram[0, 1]), float(gram[1, 1])
    left, size = ab - along * aa, bb - 2.0 * along * ab + along * along * aa
    after = abs(left) / math.sqrt(aa * size) if aa > 0.0 and size > 0.0 else 0.0
    return abs(float(cosines(gram)[0, 1])), after
