"""Makes a trainable model from a GGUF file: its tensors as rows that are decoded on demand.

Files are memory-mapped: the operating system keeps in memory what fits.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from edgemed_native.codecs import decode_rows, warm_up
from numpy.typing import NDArray
from platformdirs import user_cache_path

from edgemed.errors import EdgemedError, Refused
from edgemed.gguf import Model, Tensor, open_model
from edgemed.storage.whole import private_folder
from edgemed.training.allocation import give_back_at_once

if TYPE_CHECKING:
    from edgemed_models.trainable.placing import Placing
    from edgemed_models.trainable.transformer import Transformer

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class MappedRows:
    """A tensor's packed rows u8[rows, row bytes], decoded to float32 as they are read."""

    tensor: Tensor
    packed: U8

    @property
    def rows(self) -> int:
        return self.tensor.rows

    @property
    def length(self) -> int:
        return self.tensor.row_length

    def read(self, first: int, out: F32) -> None:
        """Fill out f32[n, length] with rows first, first + 1, ..."""
        decode_rows(self.tensor.type.name, self.packed[first : first + len(out)], out)


def mapped(model: Model) -> dict[str, MappedRows]:
    """Every tensor of a model by name."""
    try:
        files = {path: np.memmap(path, np.uint8, "r") for path in model.paths}
    except OSError as error:
        raise EdgemedError(
            f"cannot memory-map {model.paths[0]}: {error}", "check the file"
        ) from error
    return {name: _rows(tensor, files[tensor.path]) for name, tensor in model.tensors.items()}


def _rows(tensor: Tensor, file: U8) -> MappedRows:
    end = tensor.offset + tensor.nbytes
    return MappedRows(tensor, np.asarray(file[tensor.offset : end]).reshape(tensor.rows, -1))


def require_torch() -> None:
    """EdgemedError where torch is not installed. Every import of torch comes after this."""
    _keep_torch_at_home()
    give_back_at_once()
    try:
        import torch  # noqa: F401
    except ImportError:
        raise EdgemedError("torch is not installed", "pip install 'edgemed[train]'") from None


def _keep_torch_at_home() -> None:
    """Make torch's cache of compiled code ours: its own is a folder for all in the temporary one.

    We compile nothing with torch, but its optimizers create the folder as they are loaded. Where
    ours cannot be created, torch's stays.
    """
    folder = user_cache_path("edgemed", appauthor=False) / "torch"
    with suppress(OSError):
        private_folder(folder)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def load_trainable(path: Path, placing: "Placing | None" = None) -> "tuple[Model, Transformer]":
    """The model at `path`, ready for adapters. Refused for architectures that this code does not
    support."""
    require_torch()
    from edgemed_models.trainable.placing import PROCESSOR
    from edgemed_models.trainable.shape import Unsupported, shape_of
    from edgemed_models.trainable.transformer import Tensors, Transformer

    model = open_model(path)
    try:
        shape = shape_of(model.metadata)
    except Unsupported as error:
        raise Refused(f"{path.name}: {error}", "choose another model") from error
    rows = mapped(model)
    warm_up(sorted({r.tensor.type.name for r in rows.values()}), (), lambda name: None)
    return model, Transformer(shape, Tensors(list(rows), rows.__getitem__, placing or PROCESSOR))
