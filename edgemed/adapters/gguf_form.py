"""Adapters in llama.cpp's GGUF form.

    general.type "adapter", adapter.type "lora", general.architecture, adapter.lora.alpha f32
    NAME.lora_a  f32[rank, row length]        NAME.lora_b  f32[rows, rank]

llama.cpp adds alpha / rank times B A. The file has one alpha for all of its pairs, so pairs of
other ranks or scales have their B scaled when they are written. DoRA's lengths (magnitudes) cannot
be stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from edgemed_native.codecs import decode_rows
from edgemed_native.ggml_types import BY_NAME

from edgemed.adapters.adapter import F32, Adapter, Pair
from edgemed.adapters.change import Change, LowRank, Thin, shape_of
from edgemed.adapters.gguf_changes import ALPHA, EMBEDDING, A, B, open_gguf
from edgemed.errors import Refused
from edgemed.gguf import open_model, plan_layout
from edgemed.gguf.values import encode
from edgemed.storage.whole import write_whole

ABOUT = "edgemed.adapter."


NO_LENGTHS = "an adapter in GGUF form cannot hold the magnitudes of DoRA"
IN_A_FOLDER = "name a folder with -o; `edgemed fold MODEL FOLDER -o OUT` makes a model of it"

STORED = {"F32": "<f4", "F16": "<f2"}
"""Types that an adapter's numbers are stored in."""


def adapter_bytes(adapter: Adapter, stored: str = "F32") -> bytes:
    """The whole file."""
    return b"".join(adapter_parts(adapter, stored))


def adapter_parts(adapter: Adapter, stored: str = "F32") -> Iterator[bytes]:
    """The whole file, piece by piece. Its alpha is that of the first pair; pairs with the same
    alpha keep their B."""
    if any(pair.lengths is not None for pair in adapter.pairs.values()):
        raise Refused(NO_LENGTHS, IN_A_FOLDER)
    shapes = {name: (pair.a.shape, pair.b.shape) for name, pair in adapter.pairs.items()}
    first = next(iter(adapter.pairs.values()))
    alpha = first.scale * first.rank
    keys: dict[str, tuple[str, Any]] = {
        "general.type": ("string", "adapter"),
        "general.architecture": ("string", adapter.architecture),
        "adapter.type": ("string", "lora"),
        ALPHA: ("float32", alpha),
    }
    keys |= {ABOUT + key: ("string", value) for key, value in adapter.about.items()}
    raw = {key: encode(kind, value) for key, (kind, value) in keys.items()}
    specs = [
        (name + half, shape[::-1], BY_NAME[stored])
        for name, found in shapes.items()
        for half, shape in zip((A, B), laid(name, *found), strict=True)
    ]
    layout = plan_layout(raw, specs)
    yield layout.header
    at, places = len(layout.header), iter(layout.offsets)
    for name, pair in adapter.pairs.items():
        for half in halves(name, pair, alpha):
            offset, data = next(places), half.astype(STORED[stored]).tobytes()
            yield bytes(offset - at)
            yield data
            at = offset + len(data)
    yield bytes(layout.total_bytes - at)


Shape = tuple[int, ...]


def laid(name: str, a: Shape, b: Shape) -> tuple[Shape, Shape]:
    """The shapes of a pair as the file has them: that of the embedding is transposed."""
    return (b, a[::-1]) if name == EMBEDDING else (a, b)


def halves(name: str, pair: Pair, alpha: float) -> tuple[F32, F32]:
    """The two arrays of a pair as the file has them, its scale in B."""
    a, b = pair.a, pair.b * np.float32(pair.scale * pair.rank / alpha)
    return (b, a.T) if name == EMBEDDING else (a, b)


def write_adapter(path: Path, adapter: Adapter) -> None:
    """Write `adapter` to `path`, whole or not at all."""
    write_whole(path, adapter_bytes(adapter))


def read_adapter(path: Path) -> Adapter:
    """The adapter in `path`, its numbers too. InvalidFile for what llama.cpp would refuse."""
    found, meta = open_gguf(path), open_model(path).metadata
    pairs = {name: read_pair(low_rank(changes)) for name, changes in found.changes.items()}
    about = {k.removeprefix(ABOUT): str(meta[k]) for k in meta if k.startswith(ABOUT)}
    return Adapter(found.architecture, pairs, about)


def low_rank(changes: Iterable[Change]) -> list[LowRank]:
    """The changes of a tensor that are pairs."""
    return [change for change in changes if isinstance(change, LowRank)]


def read_pair(changes: Sequence[LowRank], experts: int = 0) -> Pair:
    """The matrices of a tensor's change, read; those of experts, in a stack of `experts` (0: as
    many as there are), in which an expert without a pair has zeros."""
    if changes[0].expert is None:
        (change,) = changes
        return Pair(_read(change.right), _read(change.left), change.scale)
    rank, (rows, length) = max(change.rank for change in changes), shape_of(changes[0])
    count = experts or len(changes)
    a, b = np.zeros((count, rank, length), np.float32), np.zeros((count, rows, rank), np.float32)
    for change in changes:
        assert change.expert is not None
        a[change.expert, : change.rank] = _read(change.right)
        b[change.expert, :, : change.rank] = _read(change.left) * np.float32(change.scale)
    return Pair(a, b, 1.0)


def _read(thin: Thin) -> F32:
    """The whole thin matrix, in the model's order."""
    tensor = thin.tensor
    with tensor.path.open("rb") as file:
        file.seek(tensor.offset)
        packed = np.frombuffer(file.read(tensor.nbytes), np.uint8).reshape(tensor.rows, -1)
    out = np.empty((tensor.rows, tensor.row_length), np.float32)
    decode_rows(tensor.type.name, packed, out)
    if thin.turned:
        out = np.ascontiguousarray(out.T)
    return out if thin.order is None else out[np.array(thin.order)]
