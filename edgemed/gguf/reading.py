"""Rows of a tensor from its files: packed as they are stored, and decoded.

The one place that knows how rows are found: in one piece, gathered from several places, or in
another order. Files are read by position, not mapped: a file that is truncated meanwhile
gives an error.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from edgemed_native.codecs import decode_rows
from numpy.typing import NDArray

from edgemed.gguf.tensors import Gathered, Tensor
from edgemed.storage import positional

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

Files = Mapping[Path, int]
"""Open files by their paths."""

SPREAD = 2
"""Rows in another order are read with what lies between them, up to this many times as many."""


def read_rows(tensor: Tensor, first: int, files: Files, buffer: U8) -> None:
    """Fill buffer u8[rows, row bytes] with packed rows from row `first`."""
    if tensor.gathered is None:
        at = tensor.offset + first * tensor.row_bytes
        positional.read_into(files[tensor.path], buffer, at)
    elif tensor.gathered.values:
        at = first * tensor.row_bytes
        part = tensor.gathered.values[at : at + buffer.size]
        buffer.reshape(-1)[:] = np.frombuffer(part, np.uint8)
    else:
        read_gathered(tensor, tensor.gathered, first, files, buffer)


def read_part(tensor: Tensor, at: int, files: Files, buffer: U8) -> None:
    """Fill `buffer` from byte `at` of a tensor; whole rows of one that is gathered."""
    if tensor.gathered is None:
        positional.read_into(files[tensor.path], buffer, tensor.offset + at)
    else:
        size = tensor.row_bytes
        read_rows(tensor, at // size, files, buffer.reshape(-1, size))


def read_gathered(tensor: Tensor, gathered: Gathered, first: int, files: Files, buffer: U8) -> None:
    """Rows of several runs, in the order of the tensor."""
    if gathered.order is None:
        read_runs(gathered, first, files, buffer)
    elif tensor.rows == 1:
        read_runs(gathered, 0, files, buffer)
        elements = buffer.reshape(len(gathered.order), -1)
        elements[:] = elements[np.array(gathered.order)]
    else:
        numbers = np.array(gathered.order[first : first + len(buffer)])
        read_numbers(gathered, numbers, files, buffer)


def read_numbers(gathered: Gathered, numbers: I64, files: Files, buffer: U8) -> None:
    """Rows by their numbers: all at once if they are close together, else one by one."""
    low, span = int(numbers.min()), int(numbers.max() - numbers.min()) + 1
    if span <= SPREAD * len(numbers):
        between = np.empty((span, buffer.shape[1]), np.uint8)
        read_runs(gathered, low, files, between)
        np.take(between, numbers - low, axis=0, out=buffer)
        return
    for start, end in adjacent(numbers):
        read_runs(gathered, int(numbers[start]), files, buffer[start:end])


def read_runs(gathered: Gathered, first: int, files: Files, buffer: U8) -> None:
    """Rows from `first` of all runs, one run after the other."""
    at, last, size = 0, first + len(buffer), buffer.shape[1]
    for run in gathered.runs:
        low, high = max(first, at), min(last, at + run.rows)
        if low < high:
            part = buffer[low - first : high - first]
            positional.read_into(files[run.path], part, run.offset + (low - at) * size)
        at += run.rows


def adjacent(numbers: I64) -> Iterator[tuple[int, int]]:
    """(start, end) of every run of numbers that follow one another."""
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    yield from pairwise([0, *breaks.tolist(), len(numbers)])


def decode(tensor: Tensor, packed: U8, out: F32) -> None:
    """Packed rows of the tensor, or parts of its rows, as float32[rows, weights]."""
    decode_rows(tensor.type.name, packed, out)
    if tensor.gathered is not None and tensor.gathered.plus:
        out += np.float32(tensor.gathered.plus)


def bytes_beside(tensor: Tensor) -> int:
    """How many copies of a chunk's packed bytes are held while its rows are put in order."""
    return SPREAD if tensor.gathered is not None and tensor.gathered.order is not None else 0
