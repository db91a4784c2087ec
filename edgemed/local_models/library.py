"""The models a clinic has added: files in edgemed's folder, or links to files elsewhere.

A small JSON file lists them with their SHA-256; it is always replaced as a whole. A model is
checked before it is added, and the list never points to an incomplete file.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.printable import is_utf8
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.held import Busy, give_up, hold
from edgemed.storage.listing import is_missing
from edgemed.storage.names import refuse_odd_name
from edgemed.storage.whole import private_folder, write_whole

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
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


def refuse_odd_path(path: Path) -> None:
    """Refuse a path that is not UTF-8: records of drafts cannot store it."""
    if not is_utf8(str(path)):
        raise Refused(
            f"{path}: a name in this path is not UTF-8", "rename the file, or the folders it is in"
        )


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


def no_model(name: str) -> UsageError:
    """The error for a name that no model has."""
    return UsageError(f"there is no model {name!r}", "see `edgemed models list`")
