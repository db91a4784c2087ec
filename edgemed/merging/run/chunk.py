"""One chunk of whole rows: read, decode, mix, encode, write.

Every worker owns one `Blender`: its buffers are made once and reused for every chunk and for the
passes of methods that must see a whole tensor first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from edgemed_native import mix
from edgemed_native.codecs import decode_rows, encode_rows
from edgemed_native.finite import first_not_finite
from numpy.typing import NDArray

from edgemed.adapters.change import ranges_of
from edgemed.adapters.rows import Changer
from edgemed.errors import EdgemedError
from edgemed.gguf import Tensor, reading
from edgemed.gguf.tensor_names import group_of
from edgemed.merging.methods.experts import experts_of, prepared
from edgemed.merging.methods.stream import Mix, NotFinite, Stream
from edgemed.merging.methods.table import METHODS
from edgemed.merging.parents import token_rows
from edgemed.merging.parents.token_rows import TokenRows, read_runs
from edgemed.merging.plan.memory import Buffers, rows_at_once
from edgemed.merging.plan.steps import Step
from edgemed.quantizing.imatrix import of_row
from edgemed.storage.positional import Buffer

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]

GLANCE = 64
"""Bytes of a row that are compared before the rest is."""

HALF_MAX = 65504.0
"""Largest float16. Block scales are float16: above it a result may become infinite when written."""


class Sink(Protocol):
    """Receives the bytes of an output."""

    def write(self, offset: int, buffer: Buffer) -> None:
        """Take `buffer` as the bytes from `offset`."""


class Chunk(NamedTuple):
    """Rows `first` to `first + rows` of one matrix of a step, and how its sources are mixed (None:
    copied)."""

    step: Step
    mix: Mix | None
    first: int
    rows: int


def as_it_is(x: F32, first: int) -> None:
    """The mix of a single source."""


class Blender:
    """Buffers for the chunks of one worker, and the steps of a chunk."""

    def __init__(self, files: dict[Path, int], output: Sink, buffers: Buffers, seed: int) -> None:
        self._files, self._output, self._seed, self._chunk = files, output, seed, buffers.chunk
        self._f32 = np.empty(buffers.chunk * buffers.sources, np.float32)
        self._u8: dict[int, U8] = {}
        self._changer = Changer(self._read_part)

    def prepare(self, step: Step) -> Mix | None:
        """The method's mix after its passes over the step's rows; None for a copied tensor."""
        if step.action == "copy":
            return None
        if step.action == "requantize":
            return Mix(as_it_is)
        function, experts = METHODS[step.method].function, experts_of(step.sources[0])
        try:
            return prepared(function, self.stream(step), experts, **dict(step.parameters))
        except NotFinite:
            raise self._not_finite(step, 0, step.sources[0].rows) from None

    def write(self, chunk: Chunk) -> int:
        """Write one chunk; returns how many of its rows were equal in all sources and kept."""
        step = chunk.step
        packed = self._read(step, chunk.first, chunk.rows)
        if chunk.mix is None:
            self._put_as_it_is(chunk, packed)
            return 0
        kept = equal_rows(packed, step) if chunk.mix.keeps_equal_rows else None
        if step.action == "requantize":
            kept = untouched_rows(step, chunk.first, chunk.rows)
        if kept is not None and kept.all():
            self._put_as_it_is(chunk, packed)
            return chunk.rows
        x = self._decode(step, chunk.first, packed)
        chunk.mix.blend(x, chunk.first)
        result = self._encode(chunk, x[0])
        if kept is not None and kept.any():
            result[kept] = packed[0][kept]
        self._put(chunk, result)
        return int(kept.sum()) if kept is not None else 0

    def _put_as_it_is(self, chunk: Chunk, packed: list[U8]) -> None:
        """Rows of the first source; they must be finite, like mixed ones."""
        source = chunk.step.sources[0]
        bad = first_not_finite(source.type.name, packed[0])
        if bad is not None:
            raise NotFinite(chunk.step.name, f"row {chunk.first + bad} of {source.path.name}")
        self._put(chunk, packed[0])

    def _put(self, chunk: Chunk, rows: U8) -> None:
        self._output.write(chunk.step.offset + chunk.first * rows.shape[1], rows)

    def stream(self, step: Step) -> Stream:
        """The rows of a step's sources, for what passes over them."""
        first = step.sources[0]
        return Stream(
            step.name,
            group_of(step.name),
            len(step.sources),
            first.rows,
            first.row_length,
            step.based,
            len(first.shape) <= 1 or step.name.endswith(".bias"),
            self._seed,
            rows_at_once(first, self._chunk),
            lambda at, rows: self._decode(step, at, self._read(step, at, rows)),
        )

    def _read(self, step: Step, first: int, rows: int) -> list[U8]:
        """The packed rows of every source."""
        packed = []
        for slot, tensor in enumerate(step.sources):
            packed.append(self._packed(slot, rows, tensor.row_bytes))
            read_rows(tensor, first, self._files, packed[-1])
        token_rows.fill_packed(step.sources, step.based, first, packed)
        return packed

    def _packed(self, slot: int, rows: int, row_bytes: int) -> U8:
        if slot not in self._u8 or self._u8[slot].size < rows * row_bytes:
            self._u8[slot] = np.empty(rows * row_bytes, np.uint8)
        return self._u8[slot][: rows * row_bytes].reshape(rows, row_bytes)

    def _decode(self, step: Step, first: int, packed: list[U8]) -> F32:
        """f32[sources, rows, length] in this worker's buffer."""
        rows, length = len(packed[0]), step.sources[0].row_length
        x = self._f32[: len(packed) * rows * length].reshape(len(packed), rows, length)
        self._changer.begin(step.name)
        for i, tensor in enumerate(step.sources):
            reading.decode(token_rows.stored(tensor), packed[i], x[i])
            if token_rows.is_changed(tensor):
                own = token_rows.numbers_of(tensor, first, rows)
                self._changer.apply(token_rows.stored(tensor), own, x[i])
        token_rows.fill_decoded(step.sources, step.based, first, x)
        return x

    def _read_part(self, tensor: Tensor, at: int, buffer: U8) -> None:
        """Fill `buffer` from byte `at` of a tensor."""
        with named(tensor):
            reading.read_part(tensor, at, self._files, buffer)

    def _not_finite(self, step: Step, first: int, rows: int) -> NotFinite:
        """The error, with the first row that has NaN or infinity, and its file."""
        at_once = rows_at_once(step.sources[0], self._chunk)
        for at in range(first, first + rows, at_once):
            packed = self._read(step, at, min(at_once, first + rows - at))
            for tensor, x in zip(step.sources, self._decode(step, at, packed), strict=True):
                bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
                if bad.size:
                    return NotFinite(step.name, f"row {at + int(bad[0])} of {tensor.path.name}")
        return NotFinite(step.name, f"the mix of rows {first} to {first + rows - 1}")

    def _encode(self, chunk: Chunk, rows: F32) -> U8:
        peak = mix.peak(rows)
        if not np.isfinite(peak):
            raise self._not_finite(chunk.step, chunk.first, chunk.rows)
        result = self._packed(-1, len(rows), chunk.step.type.row_bytes(rows.shape[1]))
        columns = of_row(chunk.step.importances, chunk.step.sources[0], chunk.first)
        encode_rows(chunk.step.type.name, rows, result, columns)
        if peak > HALF_MAX:
            refuse_overflow(chunk, result, rows.shape[1])
        return result


def read_rows(tensor: Tensor, first: int, files: dict[Path, int], buffer: U8) -> None:
    """Fill `buffer` with packed rows of `tensor`, from row `first`."""
    with named(tensor):
        if isinstance(tensor, TokenRows):
            inner = tensor.stored
            read_runs(tensor, first, buffer, lambda b, at: reading.read_rows(inner, at, files, b))
        else:
            reading.read_rows(tensor, first, files, buffer)


@contextmanager
def named(tensor: Tensor) -> Iterator[None]:
    """The system's error for a file that cannot be read, in words for the user."""
    try:
        yield
    except (OSError, EOFError) as error:
        raise EdgemedError(
            f"reading {tensor.name} from {tensor.path} failed: {error}",
            "the file changed or its disk is failing; copy it again and check its checksum",
        ) from error


def equal_rows(packed: list[U8], step: Step) -> NDArray[np.bool_] | None:
    """Which rows are equal bytes in all sources, of the output's type; None if not comparable."""
    if len(packed) < 2 or any(tensor.type != step.type for tensor in step.sources):
        return None
    if not all(map(token_rows.is_as_stored, step.sources)):
        return None
    first, *others = packed
    same = np.ones(len(first), np.bool_)
    for other in others:
        same &= glance_is_same(first, other)
    if same.any():
        for other in others:
            same[same] = (first[same] == other[same]).all(axis=1)
    return same


def untouched_rows(step: Step, first: int, rows: int) -> NDArray[np.bool_] | None:
    """Which rows belong to experts that no adapter changes, of the output's type; None if all rows
    are changed, or need another type."""
    source = step.sources[0]
    inner = token_rows.stored(source)
    changed = ranges_of(inner)
    plus = inner.gathered is not None and inner.gathered.plus
    if not changed or inner.type != step.type or plus or range(inner.rows) in changed:
        return None
    numbers = token_rows.numbers_of(source, first, rows)
    same = np.ones(rows, np.bool_)
    for each in changed:
        same &= (numbers < each.start) | (numbers >= each.stop)
    return same


def glance_is_same(a: U8, b: U8) -> NDArray[np.bool_]:
    """Which rows have the same first bytes; the others need no further comparison."""
    return np.asarray((a[:, :GLANCE] == b[:, :GLANCE]).all(axis=1))


def refuse_overflow(chunk: Chunk, packed: U8, row_length: int) -> None:
    """Raise if what was written does not read back as finite numbers."""
    back = np.empty((len(packed), row_length), np.float32)
    decode_rows(chunk.step.type.name, packed, back)
    if not np.isfinite(mix.peak(back)):
        raise EdgemedError(
            f"{chunk.step.name}: a weight is too large for {chunk.step.type.name}",
            "its largest number or scale is 65,504; choose F32 as the type for this tensor",
        )
