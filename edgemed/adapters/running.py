"""Adapters that llama.cpp runs beside a model's weights, unfolded: which it can run, their size.

It reads only its own GGUF form. A PEFT folder is converted to that form in a private folder, which
is removed once llama.cpp has loaded it; the numbers are the same, in float32.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edgemed.adapters.adapter import Adapter, Pair
from edgemed.adapters.change import LowRank, parts
from edgemed.adapters.describing import kind_of
from edgemed.adapters.forms import adapter_files
from edgemed.adapters.gguf_form import adapter_parts, low_rank, read_pair
from edgemed.adapters.laying import EMBEDDING, HEAD, lay_over
from edgemed.adapters.naming import Use
from edgemed.adapters.opened import OpenedAdapter
from edgemed.adapters.opening import open_adapter
from edgemed.errors import Refused
from edgemed.gguf import Model
from edgemed.storage.scratch import scratch_folder
from edgemed.storage.sha256 import sha256_of
from edgemed.storage.whole import in_words, private_folder, write_new

Running = tuple[str, float]
"""The path of an adapter, and its strength."""


def refuse_unrunnable(model: Model, use: Use) -> int:
    """Bytes of the adapter in memory; Refused if llama.cpp cannot run it beside `model`."""
    found = open_adapter(use.path, model)
    refuse_others(model, found, use)
    if EMBEDDING in found.changes and HEAD not in model.tensors:
        raise Refused(
            f"{found.name} changes the embedding, which is this model's head as well: llama.cpp "
            "crashes on that",
            fold_it(model, use),
        )
    if HEAD in found.changes and HEAD not in model.tensors:
        raise Refused(
            f"{found.name} changes the head, which in this model is the embedding: llama.cpp "
            "cannot run that",
            fold_it(model, use),
        )
    lay_over(model, found, use)
    if found.form == "GGUF":
        return sum(path.stat().st_size for path in found.files)
    changes = [change for of_one in found.changes.values() for change in of_one]
    return sum(4 * t.rows * t.row_length for change in changes for t in parts(change))


def refuse_others(model: Model, found: OpenedAdapter, use: Use) -> None:
    """Refused for any change that is not a pair of thin matrices: llama.cpp runs nothing else."""
    for name, changes in found.changes.items():
        for change in changes:
            if not isinstance(change, LowRank) or change.lengths is not None:
                raise Refused(
                    f"{found.name} has more than plain LoRA ({kind_of(change)} of {name}), and "
                    "llama.cpp runs nothing else beside a model",
                    fold_it(model, use),
                )


def fold_it(model: Model, use: Use) -> str:
    """The remedy for what cannot be run beside a model."""
    return f"fold it into the model: edgemed fold {model.path} {use.path}{use.suffix} -o OUT.gguf"


@contextmanager
def in_gguf(model: Model, asked: Sequence[Running]) -> Iterator[tuple[Running, ...]]:
    """The same adapters in GGUF form: PEFT's are written to files that are removed afterwards."""
    with ExitStack() as stack:
        found = []
        for path, strength in asked:
            files = adapter_files(Path(path))
            made = path if files is None else stack.enter_context(made_of(model, Path(path)))
            found.append((str(made), strength))
        yield tuple(found)


@contextmanager
def made_of(model: Model, path: Path) -> Iterator[Path]:
    """The adapter of a PEFT folder as a GGUF file, named like the folder."""
    found = open_adapter(path, model)
    architecture = str(model.metadata.get("general.architecture", ""))
    place = folder()
    with in_words(place):
        private_folder(place)
    with scratch_folder(place, "adapter") as scratch:
        made = scratch / found.name
        with in_words(made):
            write_new(made, adapter_parts(Adapter(architecture, Pairs(model, found))))
        yield made


def folder() -> Path:
    """Where such files are, while llama.cpp reads them."""
    from platformdirs import user_cache_path

    return user_cache_path("edgemed", appauthor=False) / "adapters"


class Pairs(Mapping[str, Pair]):
    """The pairs of an adapter in the model's order, each read when it is asked for."""

    def __init__(self, model: Model, found: OpenedAdapter) -> None:
        self._model, self._changes = model, found.changes

    def __getitem__(self, name: str) -> Pair:
        """The pair of one tensor."""
        shape = self._model.tensors[name].shape
        return read_pair(low_rank(self._changes[name]), shape[2] if len(shape) > 2 else 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._changes)

    def __len__(self) -> int:
        return len(self._changes)


def recorded(path: Path, strength: float) -> list[str | float]:
    """An adapter as records name it: its name, its strength, the SHA-256 of each of its files."""
    files = adapter_files(path) or (path,)
    name = path.name if len(files) == 1 else files[0].parent.resolve().name
    return [name, strength, *map(sha256_of, files)]
