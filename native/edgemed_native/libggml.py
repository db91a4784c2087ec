"""libggml's own codecs through ctypes: the reference for ours, and encoders that ours lack.

The library is the `ggml-base` that llama-cpp-python installs; it is found on disk and loaded
without importing llama_cpp. A failed assertion in it ends the process, so everything it asserts is
checked here first. Calls release the GIL.
"""

import ctypes
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgemed_native.ggml_types import BY_NAME, GGMLType

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

FILE_NAMES = {"win32": "ggml-base.dll", "darwin": "libggml-base.dylib"}

# Types for which `dequantize_row_<name>` exists; the functions of half types have other names.
_DECODERS = {
    name: f"dequantize_row_{name.lower().replace('_k', '_K')}"
    for name in (
        "Q1_0 Q2_0 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K TQ1_0 TQ2_0 MXFP4 NVFP4 "
        "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS"
    ).split()
} | {"F16": "ggml_fp16_to_fp32_row", "BF16": "ggml_bf16_to_fp32_row"}

DECODABLE = frozenset(_DECODERS)
"""Types whose decoder libggml exports."""

ENCODABLE = (DECODABLE - {"Q8_K"}) | {"F32"}
"""Types that `ggml_quantize_chunk` can write; it aborts on all others."""

NEEDS_IMATRIX = frozenset({"IQ2_XXS", "IQ2_XS", "IQ1_S"})
"""Types whose encoder aborts without an importance matrix."""


def find() -> Path | None:
    """The library's file, or None if llama-cpp-python is not installed."""
    spec = find_spec("llama_cpp")
    name = FILE_NAMES.get(sys.platform, "libggml-base.so")
    for place in (spec and spec.submodule_search_locations) or ():
        path = Path(place, "lib", name)
        if path.is_file():
            return path
    return None


def decode_rows(name: str, src: U8, dst: F32) -> None:
    """libggml's decoder: src u8[rows, row bytes] -> dst f32[rows, n]; ValueError if it cannot."""
    if name not in DECODABLE or not knows(name):
        raise ValueError(f"libggml has no decoder for {name}")
    _check(BY_NAME[name], src, dst)
    function = getattr(library(), _DECODERS[name])
    function(_pointer(src), _pointer(dst), ctypes.c_int64(dst.size))


def encode_rows(name: str, src: F32, dst: U8, imatrix: F32 | None = None) -> None:
    """libggml's encoder: src f32[rows, n] -> dst u8[rows, row bytes]; ValueError if it cannot.

    imatrix f32[n]: the importance of each column, or None.
    """
    if name not in ENCODABLE or not knows(name):
        raise ValueError(f"libggml has no encoder for {name}")
    if imatrix is None and name in NEEDS_IMATRIX:
        raise ValueError(f"{name} cannot be encoded without an importance matrix")
    _check(BY_NAME[name], dst, src)
    rows, n = src.shape
    if imatrix is not None:
        _check_imatrix(imatrix, n)
    if not np.isfinite(src).all():
        raise ValueError("NaN or infinity cannot be encoded")
    written = library().ggml_quantize_chunk(
        ctypes.c_int(BY_NAME[name].id),
        _pointer(src),
        _pointer(dst),
        ctypes.c_int64(0),
        ctypes.c_int64(rows),
        ctypes.c_int64(n),
        _pointer(imatrix) if imatrix is not None else None,
    )
    if written != dst.nbytes:
        raise ValueError(f"libggml wrote {written} bytes of {name}, not {dst.nbytes}")


def knows(name: str) -> bool:
    """Whether the installed libggml is new enough for this type; False if none is installed."""
    return find() is not None and (name == "F32" or hasattr(library(), _DECODERS.get(name, " ")))


@cache
def library() -> ctypes.CDLL:
    """The loaded library; FileNotFoundError if none is installed."""
    path = find()
    if path is None:
        raise FileNotFoundError("no ggml-base library: is llama-cpp-python installed?")
    lib = ctypes.CDLL(str(path))
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    for function in _DECODERS.values():
        if hasattr(lib, function):
            getattr(lib, function).restype = None
    return lib


def _pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _check(type_: GGMLType, packed: U8, weights: F32) -> None:
    for array, dtype in ((packed, np.uint8), (weights, np.float32)):
        if array.dtype != dtype or array.ndim != 2 or not array.flags.c_contiguous:
            raise ValueError(f"{type_.name}: need C-contiguous u8 rows and f32 rows")
    expected = (weights.shape[0], type_.row_bytes(weights.shape[1]))
    if packed.shape != expected:
        raise ValueError(f"{type_.name}: rows must be u8{expected}, not {packed.shape}")


def _check_imatrix(imatrix: F32, n: int) -> None:
    if imatrix.dtype != np.float32 or imatrix.shape != (n,) or not imatrix.flags.c_contiguous:
        raise ValueError(f"the importance matrix must be f32[{n}]")
    if not (np.isfinite(imatrix).all() and (imatrix >= 0).all()):
        raise ValueError("importances must be finite and not negative")
