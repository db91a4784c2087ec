"""The desk of this machine: the model files that are here, and the engine that runs them."""

import os
from collections.abc import Sequence
from pathlib import Path

from edgemed_models.base import Model

from edgemed.sizes import show_size
from edgemed_tui.desk import Desk, ModelChoice

CONTEXT = 8192  # tokens: a long note and its summary


def desk(model: Path | None = None) -> Desk:
    """The desk; `model` is offered first."""
    files = ([model] if model else []) + model_files()
    by_name = {str(path): path for path in files}
    choices = [ModelChoice(name, show_size(path.stat().st_size)) for name, path in by_name.items()]
    return Desk(models=lambda: choices, open_model=open_file)


def model_folder() -> Path:
    """Where models stand that are offered without being named."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "models"


def model_files() -> list[Path]:
    """The GGUF files in the model folder."""
    return sorted(model_folder().glob("*.gguf"))


def open_file(choice: ModelChoice) -> Model:
    """Load the model file in a process of its own."""
    from edgemed_models.engine.client import LlamaModel
    from edgemed_models.engine.settings import Settings

    threads = max(1, (os.cpu_count() or 2) - 1)
    return LlamaModel(Settings(choice.name, context=CONTEXT, threads=threads))


def note_files(folder: Path) -> Sequence[Path]:
    """Text files of `folder` that may be notes, newest first."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in (".txt", ".md") and p.is_file()]
    return sorted(found, key=lambda p: -p.stat().st_mtime)
