"""The services of this machine: the clinic's models, its folders, the engine that runs them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgemed_models.base import LanguageModel

from edgemed.adapters.naming import Use, use_of
from edgemed.clinic import samples
from edgemed.clinic.case import sessions
from edgemed.gguf import open_model
from edgemed.local_models import adding, library
from edgemed.local_models.demonstration import (
    is_demonstration,
    limits_of,
)
from edgemed.local_models.loading import Options, load_model
from edgemed.logs import audit
from edgemed.machine.check import Check
from edgemed.merging.demo_model import merged_model, merged_path
from edgemed.merging.plan.keys import RECIPE_HASH
from edgemed.storage.sizes import show_size
from edgemed_tui import settings
from edgemed_tui.checker import Checker
from edgemed_tui.services import ModelChoice, Services

MERGING = threading.Lock()


def services(model: str | None, options: Options) -> Services:
    """The services of this machine; `model`, a file or the name of one added, is offered first."""
    named = [named_model(model)] if model else []
    return Services(
        models=lambda: [
            with_adapters(choice, options) for choice in (*named, *installed(), *demonstration())
        ],
        open_model=lambda choice: opened(choice, options),
        hashes_of=hashes_of,
        review=Checker(),
        place=audit.default_place(),
        settings=settings.settings_file(),
        sessions=sessions.default_folder(),
        notes=Path.cwd(),
        doctor=doctor,
        sample=samples.note(),
    )


def with_adapters(choice: ModelChoice, options: Options) -> ModelChoice:
    """The choice, with the adapters that it is opened with."""
    names = ", ".join(use.name for use in options.adapters or kept_with(choice))
    return choice._replace(about=f"{choice.about}, with {names}") if names else choice


def kept_with(choice: ModelChoice) -> tuple[Use, ...]:
    """The adapter that is kept with a model."""
    return (use_of(choice.adapter),) if choice.adapter else ()


def named_model(name: str) -> ModelChoice:
    """A file, or a model of the list."""
    entry = library.read_library().find(name)
    choice = of_file(library.find_model(name))
    return choice._replace(adapter=entry.adapter) if entry else choice


def installed() -> Sequence[ModelChoice]:
    """The models that were added, the default first."""
    found = library.read_library()
    entries = sorted(found.entries, key=lambda e: e.name != found.default)
    return [
        of_file(Path(e.path))._replace(name=e.name, hash=e.sha256, adapter=e.adapter)
        for e in entries
    ]


def demonstration() -> Sequence[ModelChoice]:
    """The small model that comes with edgemed; it is merged from its parents when first opened."""
    path = str(merged_path())
    about = "comes with edgemed"
    return [ModelChoice("demonstration", about, path=path, demonstration=True)]


def opened(choice: ModelChoice, options: Options) -> LanguageModel:
    """The engine with this model in it."""
    adapters = options.adapters or kept_with(choice)
    return load_model(file_of(choice), replace(options, adapters=adapters))


def file_of(choice: ModelChoice) -> Path:
    """The model's file; the demonstration's is made when it is first asked for, by one thread."""
    if Path(choice.path) != merged_path():
        return Path(choice.path)
    with MERGING:
        return merged_model()


def doctor() -> Iterator[Check]:
    """What `edgemed doctor` finds on this machine."""
    from edgemed.machine.system import machine_checks

    return machine_checks()


def of_file(path: Path) -> ModelChoice:
    """A model file; one made from the embedded models is a demonstration under any name."""
    shown, limits = is_demonstration(path), limits_of(path)
    return ModelChoice(path.stem, about(path), path=str(path), demonstration=shown, limits=limits)


def about(path: Path) -> str:
    """The size of a model file, or that it is gone."""
    try:
        return show_size(path.stat().st_size) if path.is_file() else "the file is not there"
    except OSError as error:  # no right to look there, a medium that is gone
        return f"the file cannot be seen: {error.strerror}"


def hashes_of(choice: ModelChoice) -> ModelChoice:
    """The choice with the SHA-256 of its file, seconds for a large one, and of its recipe."""
    path = file_of(choice)
    recipe = str(open_model(path).metadata.get(RECIPE_HASH, ""))
    return choice._replace(hash=choice.hash or adding.digest(path, lambda _: None), recipe=recipe)
