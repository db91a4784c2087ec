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
    return gram[1:, 1:] - gram[1:, :1] - gram[:1, 1:] + gram[0, 0]


def great_circle(t: float, gram: F64, straight: float | None = COLLINEAR) -> tuple[float, float]:
    """Factors of two vectors on the great circle between them (Shoemake, SIGGRAPH 1985).

    theta = acos(A.B / |A||B|); factors sin((1-t) theta)/sin theta and sin(t theta)/sin theta act on
    the vectors as they are, not on unit vectors. Linear above the cosine `straight`, (None: only
    where sin theta < 1e-8), and where one vector is zero and has no direction.
    """
    norms = math.sqrt(max(gram[0, 0], 0.0)) * math.sqrt(max(gram[1, 1], 0.0))
    cosine = min(max(gram[0, 1] / norms, -1.0), 1.0) if norms > 0.0 else 1.0
    theta = math.acos(cosine)
    if abs(cosine) > straight if straight is not None else math.sin(theta) < 1e-8:
        return 1.0 - t, t
    return math.sin((1.0 - t) * theta) / math.sin(theta), math.sin(t * theta) / math.sin(theta)
