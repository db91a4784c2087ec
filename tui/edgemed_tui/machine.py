"""The desk of this machine: the clinic's models, its folders, the engine that runs them."""

from collections.abc import Sequence
from pathlib import Path

from edgemed_models.base import Model

from edgemed import audit, library, sessions
from edgemed.loading import Options, load_model
from edgemed.sizes import show_size
from edgemed_tui import settings
from edgemed_tui.desk import Desk, ModelChoice


def desk(model: Path | None = None) -> Desk:
    """The desk; `model` is offered first."""
    named = [of_file(model)] if model else []
    return Desk(
        models=lambda: [*named, *installed()],
        open_model=open_choice,
        place=audit.default_place(),
        settings=settings.settings_file(),
        sessions=sessions.default_folder(),
        notes=Path.cwd(),
    )


def installed() -> Sequence[ModelChoice]:
    """The models that were added, the default first."""
    found = library.read_library()
    entries = sorted(found.entries, key=lambda e: e.name != found.default)
    return [ModelChoice(e.name, about(Path(e.path)), e.sha256, path=e.path) for e in entries]


def of_file(path: Path) -> ModelChoice:
    """A model file that was named on the command line."""
    return ModelChoice(path.stem, about(path), path=str(path))


def about(path: Path) -> str:
    """The size of a model file, or that it is gone."""
    return show_size(path.stat().st_size) if path.is_file() else "the file is not there"


def open_choice(choice: ModelChoice) -> Model:
    """Load the model in a process of its own; its hash is known or taken from the file."""
    return load_model(Path(choice.path), Options())
