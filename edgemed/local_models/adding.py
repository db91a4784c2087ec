"""Models taken into the library and out of it: checked, copied or linked, listed, removed."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from edgemed.errors import EdgemedError, Refused
from edgemed.gguf import Model, open_model
from edgemed.gguf.loadable.obstacles import refuse_unloadable
from edgemed.local_models.library import (
    AddedModel,
    Library,
    changing,
    check_name,
    folder,
    make_folder,
    no_model,
    read_library,
    refuse_odd_path,
    refuse_twin,
    write_library,
)
from edgemed.local_models.load_check import refuse_unloadable as refuse_unopened
from edgemed.storage.names import refuse_odd_name
from edgemed.storage.output import Output

CHUNK = 1 << 22


def add(
    file: Path,
    name: str | None,
    link: bool,
    progress: Callable[[int], None],
    load_check: bool = True,
) -> AddedModel:
    """Check `file`, copy or link it, and list it as `name`; the first model becomes the default."""
    refuse_odd_name(file)
    refuse_odd_path(file.resolve())
    model = open_model(file)
    refuse_unloadable(model)
    name = name or named_after(file)
    library = read_library()
    check_name(name, library)
    if len(model.paths) > 1 and not link:
        raise Refused(
            "a model that is split into shards cannot be copied",
            "add it as a link: its files stay where they are",
        )
    if load_check:
        refuse_unopened(model.paths, file.name)
    target = file.resolve() if link else folder() / f"{name}.gguf"
    entry = AddedModel(
        name=name,
        path=str(target),
        sha256="",
        own=not link,
        licence=licence_of(model),
        has_template="tokenizer.chat_template" in model.metadata,
    )
    if link:
        return enlist(replace(entry, sha256=digest(file, progress)), lambda: None)
    with copied(file, target, progress) as (sha, finish):
        return enlist(replace(entry, sha256=sha), finish)


def take_in(name: str, path: Path, sha256: str) -> AddedModel:
    """List a complete file that is already in the folder of models, after the usual checks."""
    model = open_model(path)
    refuse_unloadable(model)
    refuse_unopened(model.paths, path.name)
    entry = AddedModel(
        name=name,
        path=str(path),
        sha256=sha256,
        own=True,
        licence=licence_of(model),
        has_template="tokenizer.chat_template" in model.metadata,
    )
    with changing() as library:
        rest = tuple(entry for entry in library.entries if entry.name != name)
        write_library(Library((*rest, entry), library.default or name))
    return entry


def enlist(entry: AddedModel, finish: Callable[[], None]) -> AddedModel:
    """Give a model's file its final name with `finish`, and add it to the current list.

    Refused, with no file changed, if another program has taken the name since, or the list has the
    same bytes; if the list cannot be written, the model's copy is removed again.
    """
    with changing() as library:
        check_name(entry.name, library)
        refuse_twin(entry.sha256, library)
        finish()
        try:
            write_library(Library((*library.entries, entry), library.default or entry.name))
        except BaseException:
            if entry.own:
                Path(entry.path).unlink(missing_ok=True)
            raise
    return entry


def named_after(file: Path) -> str:
    """A model's name made from its file's name, without characters that a name cannot have."""
    parts = re.findall(r"[A-Za-z0-9._-]+", file.stem)
    return "-".join(parts).strip("-._")[:64] or "model"


def alias(name: str, second: str) -> AddedModel:
    """List the model `name` under a `second` name too, which may have an adapter of its own; the
    file is not copied."""
    with changing() as library:
        entry = library.find(name)
        if entry is None:
            raise no_model(name)
        check_name(second, library, "choose another name")
        added = replace(entry, name=second, own=False, adapter="")
        write_library(Library((*library.entries, added), library.default))
    return added


@contextmanager
def copied(
    file: Path, target: Path, progress: Callable[[int], None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Copy `file` beside `target`: yields its SHA-256 and a function that gives it its name."""
    make_folder()
    size, free = file.stat().st_size, shutil.disk_usage(target.parent).free
    if size > free:
        raise Refused(
            f"the model has {size:,} bytes, but the disk has {free:,} free",
            "free disk space, or add it as a link: it stays in its place",
        )
    sha, at = hashlib.sha256(), 0
    try:
        with Output([(target, size)], replace=True) as output, file.open("rb") as source:
            while data := source.read(min(CHUNK, size - at) or 1):
                if at + len(data) > size:
                    break
                output.write(at, data)
                sha.update(data)
                at += len(data)
                progress(len(data))
            if at != size or data:
                raise EdgemedError(f"{file} changed while it was copied", "add it again")
            output.sync()
            yield sha.hexdigest(), output.finish
    except OSError as error:
        raise EdgemedError(
            f"cannot read {file}: {error.strerror}", "check that the stick or disk is still there"
        ) from error


def digest(file: Path, progress: Callable[[int], None]) -> str:
    """SHA-256 of a file."""
    sha = hashlib.sha256()
    with file.open("rb") as source:
        while data := source.read(CHUNK):
            sha.update(data)
            progress(len(data))
    return sha.hexdigest()


def remove(name: str) -> AddedModel:
    """Take `name` off the list; its file is deleted only if it is edgemed's own copy.

    If another name has the same file, the file stays and belongs to that one from then on.
    """
    with changing() as library:
        entry = library.find(name)
        if entry is None:
            raise no_model(name)
        rest, heir = [e for e in library.entries if e.name != name], None
        if entry.own:
            heir = next((n for n, e in enumerate(rest) if e.path == entry.path), None)
        if heir is not None:
            rest[heir], entry = replace(rest[heir], own=True), replace(entry, own=False)
        default = library.default
        if default == name:
            default = rest[0].name if rest else None
        write_library(Library(tuple(rest), default))
        if entry.own:
            Path(entry.path).unlink(missing_ok=True)
    return entry


def set_default(name: str) -> None:
    """Make `name` the default model."""
    with changing() as library:
        if library.find(name) is None:
            raise no_model(name)
        write_library(Library(library.entries, name))


def licence_of(model: Model) -> str:
    """What the file says about its licence."""
    keys = ("general.license.name", "general.license", "general.license.link")
    found = [str(model.metadata[key]) for key in keys if key in model.metadata]
    return "; ".join(found) or "not stated in the file"
