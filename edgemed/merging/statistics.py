"""Sums over a whole tensor without holding it: the pass before methods that need an angle."""

import math
from pathlib import Path

import numpy as np
from edgemed_native import mix
from edgemed_native.codecs import decode_rows

from edgemed.merging.chunk import Chunk, read_rows
from edgemed.merging.memory import rows_at_once
from edgemed.merging.methods import Sums, Weights
from edgemed.merging.plan import Step


def tensor_sums(step: Step, files: dict[Path, int], chunk_weights: int) -> Sums:
    """A.B, A.A and B.B in float64: one partial per row, added exactly, whatever the chunks."""
    rows, length = step.sources[0].rows, step.sources[0].row_length
    partials = np.empty((rows, 3), np.float64)
    at_once = rows_at_once(step.sources[0], chunk_weights)
    for first in range(0, rows, at_once):
        chunk = Chunk(step, Weights(1.0, 0.0), first, min(at_once, rows - first))
        decoded = []
        for tensor in step.sources:
            packed = np.empty((chunk.rows, tensor.row_bytes), np.uint8)
            read_rows(tensor, chunk, files, packed)
            decoded.append(np.empty((chunk.rows, length), np.float32))
            decode_rows(tensor.type.name, packed, decoded[-1])
        partials[first : first + chunk.rows] = mix.dot_norms(decoded[0], decoded[1])
    return Sums(*(math.fsum(partials[:, i]) for i in range(3)))
