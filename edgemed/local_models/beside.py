"""The adapter that is kept with a model of the list, and runs beside it whenever it is named."""

from dataclasses import replace
from pathlib import Path

from edgemed_models.engine.fit import CONTEXT_STEP

from edgemed.adapters.naming import Use, use_of
from edgemed.errors import Refused, UsageError
from edgemed.local_models.library import (
    AddedModel,
    Library,
    changing,
    read_library,
    refuse_odd_path,
    write_library,
)
from edgemed.local_models.loading import Options, load_model


def keep_adapter(name: str, use: Use | None) -> AddedModel:
    """Keep `use` with the model `name`, or none; it is tried beside the model first.

    Refused if llama.cpp cannot run it beside this model, or if it changes nothing.
    """
    entry = named(read_library(), name)
    text = ""
    if use is not None:
        use = Use(use.path.absolute(), use.strength)
        refuse_odd_path(use.path)
        load_model(Path(entry.path), Options(context=CONTEXT_STEP, adapters=(use,))).close()
        text = f"{use.path}{use.suffix}"
    with changing() as library:
        entry = replace(named(library, name), adapter=text)
        entries = (entry if each.name == name else each for each in library.entries)
        write_library(Library(tuple(entries), library.default))
    return entry


def named(library: Library, name: str) -> AddedModel:
    """The model of this name."""
    entry = library.find(name)
    if entry is None:
        raise UsageError(f"there is no model {name!r}", "see `edgemed models list`")
    return entry


def kept_adapter(name: str | None) -> tuple[Use, ...]:
    """The adapter of a model of the list (without a name: the default); none for any other."""
    library = read_library()
    entry = library.find(name or library.default or "")
    return adapter_of(entry) if entry else ()


def adapter_of(entry: AddedModel) -> tuple[Use, ...]:
    """The adapter of an entry; Refused if its file is gone."""
    if not entry.adapter:
        return ()
    use = use_of(entry.adapter)
    if not use.path.exists():
        raise Refused(
            f"the adapter {use.path}, kept with the model {entry.name}, is not there",
            f"put it back, or run the model without: edgemed models adapter {entry.name} --none",
        )
    return (use,)
