"""How far packed rows are from the weights they were made of, beside libggml on the same rows.

Two errors: the plain root mean square, and the one under the weights that libggml itself minimises
for the type when it has no importance matrix. A search that lowers only the first is a worse
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


def importance(name: str, x: F32) -> NDArray[np.float64]:
    """The weight of each squared error in libggml's search for this type (1 where it has none)."""
    x = x.astype(np.float64)
    if name in ("Q4_K", "Q5_K"):
        parts = x.reshape(-1, 32)
        return (np.sqrt((parts**2).mean(1, keepdims=True)) + abs(parts)).reshape(x.shape)
    if name == "Q2_K":
        return abs(x)
    return x**2 if name in ("Q3_K", "Q6_K", "IQ4_NL", "IQ4_XS") else np.ones_like(x)


def errors(name: str, x: F32, packed: U8) -> tuple[float, float]:
    """(plain, weighted) root mean square error of packed rows, as libggml decodes them."""
    y = x.copy()
    if name == "F32":
        y = packed.view(np.float32)
    else:
        libggml.decode_rows(name, packed, y)
    squared = (x.astype(np.float64) - y) ** 2
    weighted = np.average(squared, weights=importance(name, x))
    return float(np.sqrt(squared.mean())), float(np.sqrt(weighted))


def ours(name: str, x: F32) -> U8:
    packed = np.zeros((x.shape[0], CODECS[name].type.row_bytes(x.shape[1])), np.uint8)
    encode_rows(name, x, packed)
    return packed


def theirs(name: str, x: F32) -> U8:
    packed = np.zeros((x.shape[0], CODECS[name].type.row_bytes(x.shape[1])), np.uint8)
    importance = np.ones(x.shape[1], np.float32) if name in libggml.NEEDS_IMATRIX else None
    libggml.encode_rows(name, x, packed, importance)
    return packed


def ratios(name: str, x: F32) -> tuple[float, float]:
    """Our plain and weighted error over libggml's; 1 where both have none."""
    pairs = zip(errors(name, x, ours(name, x)), errors(name, x, theirs(name, x)), strict=True)
    plain, weighted = (1.0 if a == b == 0 else a / b for a, b in pairs)
    return plain, weighted
