"""How far packed rows are from the weights they were made of, beside libggml on the same rows.

Two errors: the plain root mean square, and the one under the weights that libggml itself minimises
for the type, with an importance matrix or without. A search that lowers only the first is a worse
quantizer.
"""

from pathlib import Path

import gguf
import numpy as np
from edgemed_native import libggml
from edgemed_native.codecs import CODECS, encode_rows
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


def tensors(rows: int, n: int, model: Path | None, seed: int = 7) -> dict[str, F32]:
    """Rows of weights with light and heavy tails and, where a model file is given, real ones."""
    rng = np.random.default_rng(seed)
    outliers = rng.standard_normal((rows, n))
    outliers[rng.random((rows, n)) < 0.002] *= 20
    made = {
        "gaussian": rng.standard_normal((rows, n)),
        "student-t(5)": rng.standard_t(5, (rows, n)),
        "outliers": outliers,
    }
    scaled = {name: (0.02 * x).astype(np.float32) for name, x in made.items()}
    return scaled if model is None else {**scaled, "real model": model_rows(model)}


def model_rows(path: Path) -> F32:
    """Every matrix of an F32 model, one after the other, as rows of 256."""
    matrices = [t.data for t in gguf.GGUFReader(path).tensors if len(t.shape) > 1]
    flat = np.concatenate([m.reshape(-1) for m in matrices])
    return np.ascontiguousarray(flat[: len(flat) // 256 * 256].reshape(-1, 256))


SPREADS = {
    **dict.fromkeys(("Q3_K", "Q4_K", "Q5_K", "IQ4_XS"), (256, 2)),
    "Q2_K": (256, 1),
    "IQ4_NL": (32, 2),
}
"""Under a matrix: columns whose mean square is added to each square, and its factor; else a row."""


def importance(name: str, x: F32, matrix: F32 | None = None) -> NDArray[np.float64]:
    """The weight of each squared error in libggml's search for this type (1 where it has none)."""
    x = x.astype(np.float64)
    if matrix is not None:
        width, factor = SPREADS.get(name, (x.shape[1], 1))
        parts = x.reshape(len(x), -1, width)
        spread = factor * (parts**2).mean(-1, keepdims=True)
        root = np.ones_like(x) if name == "Q6_K" else np.sqrt(spread + parts**2).reshape(x.shape)
        return matrix * root
    if name in ("Q4_K", "Q5_K"):
        parts = x.reshape(-1, 32)
        return (np.sqrt((parts**2).mean(1, keepdims=True)) + abs(parts)).reshape(x.shape)
    if name == "Q2_K":
        return abs(x)
    return x**2 if name in ("Q3_K", "Q6_K", "IQ4_NL", "IQ4_XS") else np.ones_like(x)


def errors(name: str, x: F32, packed: U8, matrix: F32 | None = None) -> tuple[float, float]:
    """(plain, weighted) root mean square error of packed rows, as libggml decodes them."""
    y = x.copy()
    if name == "F32":
        y = packed.view(np.float32)
    else:
        libggml.decode_rows(name, packed, y)
    squared = (x.astype(np.float64) - y) ** 2
    weighted = np.average(squared, weights=importance(name, x, matrix))
    return float(np.sqrt(squared.mean())), float(np.sqrt(weighted))


def ours(name: str, x: F32, matrix: F32 | None = None) -> U8:
    packed = np.zeros((x.shape[0], CODECS[name].type.row_bytes(x.shape[1])), np.uint8)
    encode_rows(name, x, packed, matrix)
    return packed


def theirs(name: str, x: F32, matrix: F32 | None = None) -> U8:
    packed = np.zeros((x.shape[0], CODECS[name].type.row_bytes(x.shape[1])), np.uint8)
    if matrix is None and name in libggml.NEEDS_IMATRIX:
        matrix = np.ones(x.shape[1], np.float32)
    libggml.encode_rows(name, x, packed, matrix)
    return packed


def ratios(name: str, x: F32, matrix: F32 | None = None) -> tuple[float, float]:
    """Our plain and weighted error over libggml's; 1 where both have none."""
    found = [errors(name, x, f(name, x, matrix), matrix) for f in (ours, theirs)]
    plain, weighted = (1.0 if a == b == 0 else a / b for a, b in zip(*found, strict=True))
    return plain, weighted


def matrices(n: int, seed: int = 8) -> dict[str, F32]:
    """Importances f32[n] as rows may have them: alike, uneven, very uneven, and many of them 0."""
    rng = np.random.default_rng(seed)
    spread = np.exp(rng.standard_normal(n))
    holes = np.where(rng.random(n) < 0.5, 0, spread)
    holes[n // 4 : n // 4 + 64] = 0  # whole blocks that nothing is known of
    made = {"alike": np.ones(n), "uneven": spread, "steep": spread**2.5, "holes": holes}
    return {name: importances.astype(np.float32) for name, importances in made.items()}
