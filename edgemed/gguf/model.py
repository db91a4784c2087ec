"""Opens a model, one file or a set of shards, and checks all of its headers first.

    >>> model = open_model("llama-3.2-1b-q4_k_m.gguf")
    >>> model.metadata["general.architecture"], model.tensors["token_embd.weight"].type.name
    ('llama', 'Q6_K')

No file stays open: tensors are read later, by path and offset.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.gguf.flaw import MALFORMED, Flaw, quoted
from edgemed.gguf.header import Header, read_header
from edgemed.gguf.metadata import Metadata
from edgemed.gguf.shards import check_set, shard_paths
from edgemed.gguf.tensors import Tensor, strays
from edgemed.storage.names import refuse_odd_name

ONE_FILE = (
    "name a .gguf file; a checkpoint's folder becomes one: edgemed convert FOLDER -o OUT.gguf"
)

NOT_GGUF = 0
"""The version of a checkpoint."""


class Laid(NamedTuple):
    """An adapter applied to a model: its name, its strength, and its files."""

    name: str
    strength: float
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """The headers of a model. Metadata, version and alignment are those of the first shard.

    `strays` are tensors that come after a gap or out of the table's order. `adapters` are the
    adapters that change the tensors, in this order. `copied_head`: it has a head that is a copy of
    its embedding, which is not among the tensors. `folder`: that of a checkpoint; its tensors are
    read as GGUF has them, and have the types of its files. `notes` are for the user.
    """

    paths: tuple[Path, ...]
    version: int
    alignment: int
    metadata: Metadata
    tensors: dict[str, Tensor]
    strays: tuple[str, ...] = ()
    adapters: tuple[Laid, ...] = ()
    copied_head: bool = False
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """What the user names: the folder of a checkpoint, or the first file."""
        return self.folder or self.paths[0]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that its tensors are made of."""
        return (*self.paths, *(file for laid in self.adapters for file in laid.files))

    @property
    def weights(self) -> int:
        """How many weights all tensors hold."""
        return sum(tensor.rows * tensor.row_length for tensor in self.tensors.values())


class Shard(NamedTuple):
    path: Path
    header: Header


def open_models(paths: Iterable[Path]) -> list[Model]:
    """Several models; those with the same vocabulary as the first open faster."""
    models: list[Model] = []
    for path in paths:
        models.append(open_model(path, models[0] if models else None))
    return models


def open_model(path: Path | str, like: Model | None = None) -> Model:
    """The model in `path`, or in the set of shards that it belongs to; InvalidFile if incomplete.

    Values that are the same as in `like` are compared instead of checked again.
    """
    named = Shard(Path(path), open_header(Path(path), like.metadata if like else None))
    paths = shard_paths(named.path, named.header.metadata)
    shards = [named if p == named.path else Shard(p, open_header(p)) for p in paths]
    if len(shards) > 1:
        check_set([(s.path, s.header.metadata, len(s.header.entries)) for s in shards])
    first = shards[0].header
    apart = tuple(n for s in shards for n in strays(s.header.entries, s.header.alignment))
    return Model(paths, first.version, first.alignment, first.metadata, _tensors(shards), apart)


def _tensors(shards: Iterable[Shard]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for path, header in shards:
        for name, shape, type, offset, nbytes in header.entries:
            if name in tensors:
                problem = f"tensor {quoted(name)} is also in {tensors[name].path.name}"
                raise Flaw(problem, MALFORMED).of(path)
            tensors[name] = Tensor(name, shape, type, path, header.data_start + offset, nbytes)
    return tensors


def open_header(path: Path, like: Metadata | None = None) -> Header:
    """The header of one file, checked against its size; InvalidFile if it is not a GGUF file."""
    refuse_odd_name(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Flaw("it is a folder or a device, not a file", ONE_FILE).of(path)
        with path.open("rb", buffering=0) as file:
            return parse(file, os.fstat(file.fileno()).st_size, path, like)
    except FileNotFoundError:
        raise InvalidFile(f"there is no file {path}", missing(path)) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise EdgemedError(
            f"{path}: cannot be read ({reason})", "check its permissions and its disk"
        ) from error


def missing(path: Path) -> str:
    """What to do if there is no such file; the user may have given a hub name such as org/model."""
    if path.suffix.lower() == ".gguf":
        return "check the spelling and the folder"
    return "give the path of a GGUF file: names like org/model are not looked up on a hub"


def parse(stream: BinaryIO, size: int, path: Path, like: Metadata | None = None) -> Header:
    """`read_header`, with `path` named in its errors."""
    try:
        return read_header(stream, size, like)
    except Flaw as flaw:
        raise flaw.of(path) from None
