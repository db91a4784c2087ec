"""The models a clinic has added: files in edgemed's folder, or links to files elsewhere.

A small JSON file lists them with their SHA-256; it is always replaced as a whole. A model is
checked before it is added, and the list never points to an incomplete file.
"""

import hashlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.gguf import Model, open_model
from edgemed.gguf.loadable.obstacles import refuse_unloadable
from edgemed.local_models.load_check import refuse_unloadable as refuse_unopened
from edgemed.printable import is_utf8
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.held import Busy, give_up, hold
from edgemed.storage.listing import is_missing
from edgemed.storage.names import refuse_odd_name
from edgemed.storage.output import Output
from edgemed.storage.whole import private_folder, write_whole

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CHUNK = 1 << 22
PATIENCE, PAUSE = 5.0, 0.02  # seconds to wait for another program's change; between two tries


@dataclass(frozen=True, slots=True)
class AddedModel:
    """One model. `own`: edgemed copied the file into its folder, and deletes it on removal.
    `adapter`: PATH[:strength] of the adapter that runs beside it; empty without one."""

    name: str
    path: str
    sha256: str
    own: bool
    licence: str
    has_template: bool
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Library:
    """All entries, and the name of the default model."""

    entries: tuple[AddedModel, ...] = ()
    default: str | None = None

    def find(self, name: str) -> AddedModel | None:
        """The entry called `name`."""
        return next((entry for entry in self.entries if entry.name == name), None)


def folder() -> Path:
    """The folder of copied models and of the list."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "models"


def read_library() -> Library:
    """The list; empty before the first model."""
    path = folder() / "library.json"
    try:
        table = json_of(read_bounded(path, "list of models"))
        return Library(tuple(entry_of(entry) for entry in table["entries"]), table["default"])
    except OSError as error:
        if is_missing(folder(), error):
            return Library()
        raise EdgemedError(
            f"the list of models {path} cannot be read: {error.strerror}",
            "check that it is a file that you may read",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise EdgemedError(f"{path} is damaged", "move it away and add the models again") from error


def entry_of(table: dict[str, Any]) -> AddedModel:
    """One entry of the list; TypeError if a value has the wrong type."""
    entry = AddedModel(**table)
    texts = (entry.name, entry.path, entry.sha256, entry.licence, entry.adapter)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a value of an entry is not a text")
    return entry


def write_library(library: Library) -> None:
    """Replace the list, completely or not at all; EdgemedError on failure."""
    path = folder() / "library.json"
    make_folder()
    try:
        write_whole(path, json.dumps(asdict(library), indent=2).encode())
    except OSError as error:
        raise EdgemedError(
            f"the list of models {path} cannot be written: {error.strerror}",
            "free some disk space; the list is unchanged",
        ) from error


def make_folder() -> None:
    """Create the folder of models if it is missing."""
    try:
        private_folder(folder())
    except OSError as error:
        raise EdgemedError(
            f"cannot create the folder {folder()}: {error.strerror}",
            "free some disk space, and check that you may write there",
        ) from error


def find_model(name: str | None) -> Path:
    """The file of a model by name or path, or of the default. UsageError if there is none."""
    library = read_library()
    if name is None:
        if library.default is None:
            raise UsageError(
                "no model has been added yet",
                "add one: edgemed models add FILE.gguf; or name a model's file",
            )
        name = library.default
    entry = library.find(name)
    path = Path(entry.path) if entry else Path(name)
    refuse_odd_path(path)
    refuse_odd_name(path)
    if path.is_dir():
        raise UsageError(
            f"{name} is a folder, and llama.cpp runs only GGUF files",
            f"convert a checkpoint: edgemed convert {name} -o {path.name}.gguf --out-type Q4_K_M",
        )
    if not path.is_file():
        known = ", ".join(e.name for e in library.entries) or "none"
        raise UsageError(
            f"there is no model {name!r}",
            f"name a file or an added model ({known}); to add one: edgemed models add FILE.gguf",
        )
    return path


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


def refuse_odd_path(path: Path) -> None:
    """Refuse a path that is not UTF-8: records of drafts cannot store it."""
    if not is_utf8(str(path)):
        raise Refused(
            f"{path}: a name in this path is not UTF-8", "rename the file, or the folders it is in"
        )


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


@contextmanager
def changing() -> Iterator[Library]:
    """The current list, locked against other processes until the block ends."""
    make_folder()
    path, end = folder() / "library.json.lock", time.monotonic() + PATIENCE
    while True:
        try:
            fd = hold(path)
            break
        except Busy:
            if time.monotonic() > end:
                raise Refused(
                    "another program is changing the list of models", "wait and try again"
                ) from None
            time.sleep(PAUSE)
    try:
        yield read_library()
    finally:
        give_up(path, fd)


def named_after(file: Path) -> str:
    """A model's name made from its file's name, without characters that a name cannot have."""
    parts = re.findall(r"[A-Za-z0-9._-]+", file.stem)
    return "-".join(parts).strip("-._")[:64] or "model"


def check_name(name: str, library: Library, other: str = "give another name") -> None:
    """Refuse a name that is taken, or that is not a valid file name on every system.

    `other` is the remedy where the name is taken.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a model's name", "give another name, of letters and digits"
        )
    if library.find(name):
        raise UsageError(f"there is a model called {name!r} already", other)


def twin_of(sha256: str, library: Library) -> AddedModel | None:
    """The model of the list that has these bytes."""
    return next((entry for entry in library.entries if entry.sha256 == sha256), None)


def refuse_twin(sha256: str, library: Library) -> None:
    """Refuse a file whose bytes are in the list already: a second copy only fills the disk."""
    if (twin := twin_of(sha256, library)) is not None:
        raise Refused(
            f"this file is among your models already, as {twin.name}",
            f"use {twin.name}; for a second name: edgemed models alias {twin.name} NAME",
        )


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


def no_model(name: str) -> UsageError:
    """The error for a name that no model has."""
    return UsageError(f"there is no model {name!r}", "see `edgemed models list`")


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
