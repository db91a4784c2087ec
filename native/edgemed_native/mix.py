"""Mixing float32 rows: weighted sums, the sums for an angle, and a check for NaN and infinity.

Arrays are f32[rows, n], C-contiguous and of the same shape; otherwise ValueError. Knows no tensors
and no methods. Every function makes one pass, releases the GIL and gives the same bits however the
rows of a tensor are divided into calls.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgemed_native import mix_kernels
from edgemed_native._jit import is_ready

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def weighted(a: F32, b: F32, wa: float, wb: float, dst: F32) -> None:
    """dst = wa a + wb b, each product and the sum rounded to float32.

    Fastest if dst is a or b itself; any other overlap is a ValueError.
    """
    _check(a, b, dst)
    if any(np.may_share_memory(dst, x) and not _same(dst, x) for x in (a, b)):
        raise ValueError("dst must be a, or b, or share no memory with them")
    if _same(dst, b):
        a, b, wa, wb = b, a, wb, wa
    if not _same(dst, a):
        np.copyto(dst, a)
    mix_kernels.weighted_sum(dst.reshape(-1), np.float32(wa), _flat(b), np.float32(wb))


def dot_norms(a: F32, b: F32) -> F64:
    """f64[rows, 3]: a.b, a.a and b.b of every row, for the caller to add in the order of rows."""
    _check(a, b)
    sums = np.empty((len(a), 3))
    mix_kernels.row_sums(_read_only(a), _read_only(b), sums)
    return sums


def peak(rows: F32) -> float:
    """The largest |x|; 0 for no rows, infinity if one is infinite, NaN if one is NaN."""
    _check(rows)
    return float(np.uint32(mix_kernels.largest_bits(_flat(rows))).view(np.float32))


def warm_up(report: Callable[[str], None]) -> None:
    """Compile these kernels or load them from disk; `report("mix")` if any must be compiled."""
    kernels = (mix_kernels.weighted_sum, mix_kernels.largest_bits, mix_kernels.row_sums)
    if not all(is_ready(kernel) for kernel in kernels):
        report("mix")
    row = np.zeros((1, 1), np.float32)
    weighted(row, row, 1.0, 0.0, np.empty_like(row))
    peak(row)
    dot_norms(row, row)


def _same(a: F32, b: F32) -> bool:
    return a is b or a.ctypes.data == b.ctypes.data


def _flat(rows: F32) -> F32:
    return _read_only(rows.reshape(-1))


def _read_only(rows: F32) -> F32:
    """One signature per kernel, whether or not the caller's array is writable."""
    rows = rows.view()
    rows.flags.writeable = False
    return rows


def _check(*arrays: NDArray[Any]) -> None:
    first = arrays[0]
    for array in arrays:
        if array.dtype != np.float32 or array.ndim != 2 or array.shape != first.shape:
            raise ValueError(
                f"rows must be float32 of one shape [rows, n], not {array.dtype}"
                f"{list(array.shape)} and {first.dtype}{list(first.shape)}"
            )
        if not (array.flags.c_contiguous and array.flags.aligned):
            raise ValueError("rows must be C-contiguous and aligned")
