"""Opens the parents of a merge: GGUF files or checkpoints, each with the adapters applied to it.

The one place that knows every kind of parent: a source of rows is a Model whose tensors say where
their bytes are and what changes them while they are read.
"""

from collections.abc import Iterable
from pathlib import Path

from edgemed.adapters.forms import adapter_files
from edgemed.adapters.naming import Adapted, Parent, Use, model_file
from edgemed.checkpoints.folder import checkpoint_folder, is_checkpoint
from edgemed.gguf import Model, open_model
from edgemed.merging.parents.heads import without_copies


def open_parents(parents: Iterable[Parent]) -> list[Model]:
    """The models; siblings of the first open faster. Reads headers only, and the head where one
    model has its embedding as its head and another a head of its own."""
    models: list[Model] = []
    for parent in parents:
        models.append(open_parent(parent, models[0] if models else None))
    return without_copies(models)


def open_parent(parent: Parent, like: Model | None = None) -> Model:
    """One model with its adapters applied."""
    model = open_source(model_file(parent), like)
    return with_adapters(model, parent.uses) if isinstance(parent, Adapted) else model


def with_adapters(model: Model, uses: Iterable[Use]) -> Model:
    """The model with adapters applied one after the other. What reads adapters is imported here,
    since most parents have none."""
    from edgemed.adapters.laying import lay_over
    from edgemed.adapters.opening import open_adapter

    for use in uses:
        model = lay_over(model, open_adapter(use.path, model), use)
    return model


def open_source(path: Path, like: Model | None = None) -> Model:
    """A GGUF model, or a checkpoint by its folder or a file in it. Refused for a pickle file."""
    folder = checkpoint_folder(path)
    if folder is None:
        return open_model(path, like)
    from edgemed.checkpoints.opening import open_checkpoint  # most parents are GGUF files

    return open_checkpoint(folder)


def files_of(models: Iterable[Model]) -> list[Path]:
    """Every file of these models once, adapters' too."""
    return list(dict.fromkeys(path for model in models for path in model.files))


def input_files(path: Path) -> tuple[Path, ...]:
    """Every file of one input: a model's shards, a checkpoint's or an adapter's files."""
    if is_checkpoint(path):
        return open_source(path).paths
    return adapter_files(path) or open_model(path).paths
