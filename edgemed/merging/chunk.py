"""One chunk of whole rows: read, decode, mix, encode, write.

Every worker owns one `Blender`: its buffers are made once and reused for every chunk.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from edgemed_native import mix
from edgemed_native.codecs import decode_rows, encode_rows
from numpy.typing import NDArray

from edgemed import positional
from edgemed.errors import EdgemedError
from edgemed.gguf import Tensor
from edgemed.merging.methods import Weights
from edgemed.merging.plan import Step
from edgemed.output import Output

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

HALF_MAX = 65504.0
"""Largest half. Block scales are halves: above it a result may not survive being written."""


class Chunk(NamedTuple):
    """Rows `first` to `first + rows` of a step, and the factors of its two sources."""

    step: Step
    weights: Weights
    first: int
    rows: int


def copy_chunk(chunk: Chunk, files: dict[Path, int], output: Output) -> None:
    """Carry the chunk's bytes over as they are."""
    tensor = chunk.step.sources[0]
    buffer = np.empty(chunk.rows * tensor.row_bytes, np.uint8)
    read_rows(tensor, chunk, files, buffer)
    output.write(chunk.step.offset + chunk.first * tensor.row_bytes, buffer)


def read_rows(tensor: Tensor, chunk: Chunk, files: dict[Path, int], buffer: U8) -> None:
    """Fill `buffer` with the packed rows of the chunk."""
    try:
        positional.read_into(
            files[tensor.path], buffer, tensor.offset + chunk.first * tensor.row_bytes
        )
    except (OSError, EOFError) as error:
        raise EdgemedError(
            f"reading {tensor.name} from {tensor.path} failed: {error}",
            "the file changed or its disk is failing; copy it again and check its checksum",
        ) from error


class Blender:
    """Buffers for chunks of up to `weights` weights, and the way of a chunk through them."""

    def __init__(self, weights: int) -> None:
        self._f32 = [np.empty(weights, np.float32) for _ in range(2)]
        self._u8: dict[int, U8] = {}

    def blend(self, chunk: Chunk, files: dict[Path, int], output: Output) -> int:
        """Write one chunk; returns how many of its rows were equal in both sources and kept."""
        step, sources = chunk.step, chunk.step.sources
        packed = [self._read(i, tensor, chunk, files) for i, tensor in enumerate(sources)]
        kept = equal_rows(packed, step)
        if kept is not None and kept.all():
            output.write(step.offset + chunk.first * packed[0].shape[1], packed[0])
            return chunk.rows
        rows = [self._decode(i, tensor, packed[i]) for i, tensor in enumerate(sources)]
        if len(rows) == 2:
            mix.weighted(rows[0], rows[1], chunk.weights.a, chunk.weights.b, rows[0])
        result = self._encode(chunk, rows[0])
        if kept is not None and kept.any():
            result[kept] = packed[0][kept]
        output.write(step.offset + chunk.first * result.shape[1], result)
        return int(kept.sum()) if kept is not None else 0

    def _read(self, slot: int, tensor: Tensor, chunk: Chunk, files: dict[Path, int]) -> U8:
        packed = self._packed(slot, chunk.rows, tensor.row_bytes)
        read_rows(tensor, chunk, files, packed)
        return packed

    def _packed(self, slot: int, rows: int, row_bytes: int) -> U8:
        if slot not in self._u8 or self._u8[slot].size < rows * row_bytes:
            self._u8[slot] = np.empty(rows * row_bytes, np.uint8)
        return self._u8[slot][: rows * row_bytes].reshape(rows, row_bytes)

    def _decode(self, slot: int, tensor: Tensor, packed: U8) -> F32:
        rows = self._f32[slot][: len(packed) * tensor.row_length].reshape(len(packed), -1)
        decode_rows(tensor.type.name, packed, rows)
        return rows

    def _encode(self, chunk: Chunk, rows: F32) -> U8:
        peak = mix.peak(rows)
        if not np.isfinite(peak):
            raise not_a_number(chunk)
        result = self._packed(2, len(rows), chunk.step.type.row_bytes(rows.shape[1]))
        encode_rows(chunk.step.type.name, rows, result)
        if peak > HALF_MAX:
            refuse_overflow(chunk, result, rows.shape[1])
        return result


def equal_rows(packed: list[U8], step: Step) -> NDArray[np.bool_] | None:
    """Which rows are equal bytes in two sources of the output's type; None if not comparable."""
    if len(packed) != 2 or any(tensor.type != step.type for tensor in step.sources):
        return None
    return np.asarray((packed[0] == packed[1]).all(axis=1))


def refuse_overflow(chunk: Chunk, packed: U8, row_length: int) -> None:
    """Raise if what was written does not read back as finite numbers."""
    back = np.empty((len(packed), row_length), np.float32)
    decode_rows(chunk.step.type.name, packed, back)
    if not np.isfinite(mix.peak(back)):
        raise EdgemedError(
            f"{chunk.step.name}: a weight is too large for {chunk.step.type.name}",
            "its scales are half-precision numbers; use parents with weights below 65,504",
        )


def not_a_number(chunk: Chunk) -> EdgemedError:
    """The error for a chunk whose sources, or whose mix, hold NaN or infinity."""
    names = " and ".join(dict.fromkeys(t.path.name for t in chunk.step.sources))
    return EdgemedError(
        f"{chunk.step.name}: NaN or infinity in rows {chunk.first} to "
        f"{chunk.first + chunk.rows - 1} of {names}",
        "such a file is damaged; download it again and compare its checksum",
    )
