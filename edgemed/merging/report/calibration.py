"""How much of a fine-tune's change survives rounding, when only rounded parents can be seen.

The difference of two quantized files is the difference of the models plus the rounding of both, and
the originals are not at hand. So the same is done to weights that are known: normal numbers a, and
b = a + d times other normal numbers, are rounded to the parents' types, mixed halfway and rounded
to the output's type. That gives, for each true difference d, the difference that is seen and the
cosine between the true change (b - a) and the change that the result holds. Read backwards, the
table turns a seen difference into that cosine. It is made in every run, from a fixed seed.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from edgemed_native.codecs import CODECS, decode_rows, encode_rows
from edgemed_native.ggml_types import BY_NAME
from numpy.typing import NDArray

F32 = NDArray[np.float32]

DIFFERENCES = np.geomspace(0.002, 1.0, 14)
ROWS, LENGTH = 128, 512
SEED = 20260101


class Estimate(NamedTuple):
    """For parents whose files differ by something: the `difference` of the unrounded models, and
    the cosine of that change and the one that the result holds."""

    difference: float
    kept: float


def estimate(seen: float, parents: tuple[str, str], out: str) -> Estimate | None:
    """What a difference of `seen` (relative) between two files means; None without an encoder."""
    if not all(CODECS[name].encoder for name in (*parents, out)):
        return None
    table = kept_table(parents, out)
    at = np.log(max(seen, 1e-12))
    difference = np.exp(np.interp(at, np.log(table[:, 0]), np.log(DIFFERENCES)))
    return Estimate(float(difference), float(np.interp(at, np.log(table[:, 0]), table[:, 1])))


@cache
def kept_table(parents: tuple[str, str], out: str) -> NDArray[np.float64]:
    """f64[differences, 2]: the difference seen, increasing, and the cosine."""
    rng = np.random.default_rng(SEED)
    a, step = (rng.standard_normal((ROWS, LENGTH)).astype(np.float32) for _ in range(2))
    lines = [line(a, step * np.float32(d), parents, out) for d in DIFFERENCES]
    table = np.array(lines)
    return np.maximum.accumulate(table, axis=0)


def line(a: F32, change: F32, parents: tuple[str, str], out: str) -> tuple[float, float]:
    """What is seen of `change`, and the cosine of what the middle holds of it."""
    ours, theirs = rounded(a, parents[0]), rounded(a + change, parents[1])
    held = rounded((ours + theirs) / 2, out) - ours
    seen = np.linalg.norm(theirs - ours) / np.linalg.norm(ours)
    norms = np.linalg.norm(held) * np.linalg.norm(change)
    return float(seen), float((held * change).sum(dtype=np.float64) / max(norms, 1e-30))


def rounded(x: NDArray[np.floating[Any]], name: str) -> F32:
    """The weights as a ggml type holds them."""
    packed = np.empty((len(x), BY_NAME[name].row_bytes(x.shape[1])), np.uint8)
    back = np.empty(x.shape, np.float32)
    encode_rows(name, np.ascontiguousarray(x, np.float32), packed)
    decode_rows(name, packed, back)
    return back
