"""The table of ggml types, and functions with checks to decode and encode rows.

    decode_rows("Q4_K", src, dst)    src u8[rows, row bytes] -> dst f32[rows, n]
    encode_rows("Q4_K", src, dst)    src f32[rows, n] -> dst u8[rows, row bytes]
    encode_rows("Q4_K", src, dst, weights)    the same, errors weighted by the importance of columns

Types in THROUGH_LIBGGML have no encoder here: they need the library that llama-cpp-python
installs. `obstacle` says beforehand why a type cannot be encoded.

All checks are here; kernels check nothing. A kernel is imported, and compiled or loaded from the
disk cache, on first use. Knows no files, tensors, threads or chunks.

Contract of a kernel: `decode_x(src, dst)` gets src u8[blocks, bytes of a block] and dst
f32[blocks, weights of a block]; `encode_x(src, dst)` gets the reverse. Types whose block is one
weight get whole rows instead. All arrays are C-contiguous, and src is always read-only, so that a
kernel is compiled for one signature. A kernel's name is `decode_` or `encode_` and the type's name
in lower case. Types in _WEIGHTED have a second encoder, `encode_x_weighted(src, dst, importances)`,
with whole rows, and importances f32[row length] in (0, 1].
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgemed_native import libggml
from edgemed_native.ggml_types import TYPES, GGMLType

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Kernel = Callable[..., None]

# type: (module in decoders/, module in encoders/); None: there is no such kernel.
# I8, I16, I32, I64 and F64 are not here: they hold no weights and are only copied.
_MODULES: dict[str, tuple[str | None, str | None]] = {
    "F32": ("floats", "floats"),
    "F16": ("floats", "floats"),
    "BF16": ("floats", "floats"),
    "Q4_0": ("legacy", "legacy"),
    "Q4_1": ("legacy", "legacy"),
    "Q5_0": ("legacy", "legacy"),
    "Q5_1": ("legacy", "legacy"),
    "Q8_0": ("legacy", "q8_0"),
    "Q8_1": ("legacy", None),
    "Q8_K": ("legacy", None),
    "Q2_K": ("kquants", "q2_k"),
    "Q3_K": ("kquants", "q3_k"),
    "Q4_K": ("kquants", "affine_k"),
    "Q5_K": ("kquants", "affine_k"),
    "Q6_K": ("kquants", "q6_k"),
    "IQ1_S": ("iquants", None),
    "IQ1_M": ("iquants", None),
    "IQ2_XXS": ("iquants", None),
    "IQ2_XS": ("iquants", None),
    "IQ2_S": ("iquants", None),
    "IQ3_XXS": ("iquants", None),
    "IQ3_S": ("iquants", None),
    "IQ4_NL": ("iquants", "iq4"),
    "IQ4_XS": ("iquants", "iq4"),
    "Q1_0": ("micro", "ternary"),
    "Q2_0": ("micro", "ternary"),
    "TQ1_0": ("micro", "ternary"),
    "TQ2_0": ("micro", "ternary"),
    "MXFP4": ("micro", "fp4"),
    "NVFP4": ("micro", "fp4"),
}

# type: module in encoders/ of the kernel that takes importances
_WEIGHTED: dict[str, str] = {
    **dict.fromkeys(("Q4_0", "Q4_1", "Q5_0", "Q5_1"), "legacy_weighted"),
    **{name: _MODULES[name][1] or "" for name in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K")},
    **dict.fromkeys(("IQ4_NL", "IQ4_XS"), "iq4"),
}

THROUGH_LIBGGML = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S"})
"""Types that only libggml can encode."""

IGNORES_WEIGHTS = frozenset(
    {"F32", "F16", "BF16", "Q8_0", "Q1_0", "Q2_0", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4"}
)
"""Types for which importances change nothing, as in libggml."""

LEAST_IMPORTANCE = np.float32(2.0**-30)
"""The smallest importance, relative to the largest of the row: no column is ignored entirely."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One ggml type and the modules of its kernels; None: there is no such kernel."""

    type: GGMLType
    decoder: str | None
    encoder: str | None

    @property
    def decode(self) -> Kernel | None:
        """The kernel from blocks to float32; imported now, compiled on its first call."""
        return _kernel("decode", self.decoder, self.type.name) if self.decoder else None

    @property
    def encode_weighted(self) -> Kernel | None:
        """The encoder that takes importances of columns."""
        module = _WEIGHTED.get(self.type.name)
        return _kernel("encode", module, f"{self.type.name}_weighted") if module else None

    @property
    def encode(self) -> Kernel | None:
        """The kernel from float32 to blocks; imported now, compiled on its first call."""
        return _kernel("encode", self.encoder, self.type.name) if self.encoder else None


CODECS: dict[str, Codec] = {t.name: Codec(t, *_MODULES.get(t.name, (None, None))) for t in TYPES}


def decode_rows(name: str, src: U8, dst: F32) -> None:
    """Rows of blocks of ggml type `name` -> float32, bit for bit as ggml's reference does.

    src u8[rows, row bytes], dst f32[rows, n], both C-contiguous. ValueError if they do not match.
    """
    codec = _codec(name)
    if codec.decode is None:
        raise ValueError(f"{name} has no decoder: such tensors can only be copied")
    packed, weights = _blocks(codec.type, src, dst)
    _run(codec.decode, packed, weights)


def encode_rows(name: str, src: F32, dst: U8, weights: F32 | None = None) -> None:
    """float32 rows -> blocks of ggml type `name`. The caller must make sure that src is finite.

    src f32[rows, n], dst u8[rows, row bytes], both C-contiguous; weights f32[n] is the importance
    of each column (finite, not negative; all zeros count as None). ValueError if they do not match
    or the type cannot be encoded.
    """
    codec = _codec(name)
    if weights is not None and (name in IGNORES_WEIGHTS or not weights.any()):
        weights = None
    problem = obstacle(name, weights is not None)
    if problem is not None:
        raise ValueError(problem)
    packed, blocks = _blocks(codec.type, dst, src)
    importances = None if weights is None else _normal(weights, src.shape[1])
    if codec.encode is None:
        libggml.encode_rows(name, src, dst, importances)
    elif codec.encode_weighted is not None and importances is not None:
        _run(codec.encode_weighted, blocks, packed, importances)
    else:
        _run(codec.encode, blocks, packed)


def _normal(importances: F32, n: int) -> F32:
    """Checked importances, divided by a power of two into 0..1, at least LEAST_IMPORTANCE."""
    if importances.dtype != np.float32 or importances.shape != (n,):
        raise ValueError(f"importances must be f32[{n}]")
    most = importances.max()
    if not (np.isfinite(importances).all() and importances.min() >= 0):
        raise ValueError("importances must be finite and not negative")
    scaled: F32 = np.ldexp(importances, -np.frexp(most)[1])
    return np.maximum(scaled, LEAST_IMPORTANCE)


def obstacle(name: str, weighted: bool = False) -> str | None:
    """Why rows cannot be encoded to `name`, with importances or without; None if they can."""
    codec = _codec(name)
    if codec.encoder is None and name not in THROUGH_LIBGGML:
        return f"{name} has no encoder: such tensors cannot be written"
    if name in libggml.NEEDS_IMATRIX and not weighted:
        return f"{name} cannot be written without an importance matrix"
    if codec.encoder is None and libggml.find() is None:
        return f"{name} is written by libggml: install llama-cpp-python"
    return None


def warm_up(
    names_decode: Iterable[str],
    names_encode: Iterable[str],
    report: Callable[[str], None],
    names_weighted: Iterable[str] = (),
) -> None:
    """Compile these kernels, or load them from disk, by running each on one block.

    `names_weighted` are types to be encoded with importances.

    `report(name)` is called once per type, before the first of its kernels that must be compiled.
    """
    from edgemed_native._jit import is_ready  # numba is not needed to read the table

    told: set[str] = set()

    def announce(name: str, kernel: Kernel | None) -> None:
        if kernel is not None and not is_ready(kernel) and name not in told:
            told.add(name)
            report(name)

    for name in names_decode:
        packed, weights = _one_block(_codec(name).type)
        announce(name, CODECS[name].decode)
        decode_rows(name, packed, weights)
    for name in names_encode:
        if _codec(name).encode is None and name in THROUGH_LIBGGML:
            continue
        packed, weights = _one_block(_codec(name).type)
        announce(name, CODECS[name].encode)
        encode_rows(name, weights, packed)
    for name in names_weighted:
        if name in _WEIGHTED:
            packed, weights = _one_block(_codec(name).type)
            announce(name, CODECS[name].encode_weighted)
            encode_rows(name, weights, packed, np.ones(weights.shape[1], np.float32))


def _one_block(type_: GGMLType) -> tuple[U8, F32]:
    return np.zeros((1, type_.nbytes), np.uint8), np.zeros((1, type_.block), np.float32)


@cache
def _kernel(verb: str, module: str, name: str) -> Kernel:
    home = import_module(f"edgemed_native.{verb}rs.{module}")
    kernel: Kernel = getattr(home, f"{verb}_{name.lower()}")
    return kernel


def _codec(name: str) -> Codec:
    if name not in CODECS:
        raise ValueError(f"{name} is not a ggml type")
    return CODECS[name]


def _blocks(type_: GGMLType, packed: U8, weights: F32) -> tuple[U8, F32]:
    """Both arrays in the shapes that kernels take, checked against each other."""
    _check(f"{type_.name} rows", packed, np.dtype(np.uint8))
    _check("weights", weights, np.dtype(np.float32))
    expected = (weights.shape[0], type_.row_bytes(weights.shape[1]))
    if packed.shape != expected:
        raise ValueError(
            f"{type_.name} rows for weights {weights.shape} are u8{expected}, not {packed.shape}"
        )
    if type_.block == 1:
        return packed, weights
    return packed.reshape(-1, type_.nbytes), weights.reshape(-1, type_.block)


def _check(what: str, array: NDArray[Any], dtype: np.dtype[Any]) -> None:
    if array.dtype != dtype or array.ndim != 2:
        raise ValueError(f"{what} must be {dtype}[rows, n], not {array.dtype}{list(array.shape)}")
    if not (array.flags.c_contiguous and array.flags.aligned):
        raise ValueError(f"{what} must be C-contiguous and aligned")


def _run(kernel: Kernel, src: NDArray[Any], dst: NDArray[Any], *importances: F32) -> None:
    if not dst.flags.writeable:
        raise ValueError("the destination is read-only")
    src = src.view()
    src.flags.writeable = False
    if dst.size:
        kernel(src, dst, *importances)
