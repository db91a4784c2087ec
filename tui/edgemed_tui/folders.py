"""What a folder holds, for lists of files: folders by name, then files, the newest first.

Only the one folder is read, and nobody waits long for it: a drive that does not answer is reported.
"""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgemed.amounts import amount
from edgemed.storage.networked import is_networked, network_folders
from edgemed.storage.sizes import show_size
from edgemed_tui.sentences import sentences

NOTES = (".txt", ".md", ".text", ".note")
"""What the names of notes end with."""

PATIENCE = 0.3  # seconds that somebody waits for a folder; a disk takes some milliseconds
MOST = 1000  # entries that are listed; a path can be typed for any other
WAITING = "The folder is being read. A drive that does not answer takes long: escape goes back."


class Listed(NamedTuple):
    """One folder or file of a folder."""

    path: Path
    is_folder: bool
    about: str


class Listing(NamedTuple):
    """What a folder holds, and a message about it."""

    entries: tuple[Listed, ...] = ()
    words: str = ""


def listed(folder: Path, endings: Sequence[str]) -> Listing:
    """Folders, and files with one of these endings (lower case); links are followed."""
    networked = network_folders()
    try:
        with os.scandir(folder) as scan:
            found = [(e, is_folder(e)) for e in scan]
    except (OSError, ValueError) as error:
        return Listing((), sentences(getattr(error, "strerror", None) or "No such folder"))
    folders = [Listed(Path(e.path), True, kind(Path(e.path), networked)) for e, yes in found if yes]
    folders.sort(key=lambda entry: entry.path.name.casefold())
    files = list(files_of([e for e, yes in found if not yes], endings))
    left = len(folders) + len(files) - MOST
    more = (
        f"{amount(left, 'more is', 'more are')} here: type some letters of the name."
        if left > 0
        else ""
    )
    return Listing((*folders, *files)[:MOST], more)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def kind(folder: Path, networked: frozenset[Path]) -> str:
    """A folder, and whether it is on a network drive."""
    return "folder, on the network" if is_networked(folder, networked) else "folder"


def files_of(entries: Sequence[os.DirEntry[str]], endings: Sequence[str]) -> Iterator[Listed]:
    """Regular files with one of these endings, the newest first; without those just removed."""
    found: list[tuple[float, Listed]] = []
    for entry in entries:
        if not entry.name.lower().endswith(tuple(endings)):
            continue
        try:
            state = entry.stat()
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode):
            day = time.strftime("%Y-%m-%d", time.localtime(state.st_mtime))
            about = f"{show_size(state.st_size)}, {day}"
            found.append((state.st_mtime, Listed(Path(entry.path), False, about)))
    yield from (entry for _, entry in sorted(found, key=lambda pair: -pair[0]))


class FolderReader:
    """Reads one folder at a time, and keeps what it holds until another is asked for."""

    def __init__(self, endings: Sequence[str], arrived: Callable[[], None]) -> None:
        """`arrived` is called from another thread if a folder comes after `WAITING`."""
        self._endings, self._arrived = endings, arrived
        self._read: tuple[Path, Listing] | None = None

    def forget(self) -> None:
        """Read again on the next request."""
        self._read = None

    def of(self, folder: Path) -> Listing:
        """What is in `folder`; `WAITING` if that takes long."""
        if self._read is None or self._read[0] != folder:
            self._read = folder, Listing((), WAITING)
            self._start(folder)
        return self._read[1]

    def _start(self, folder: Path) -> None:
        waited = threading.Event()

        def read() -> None:
            listing = listed(folder, self._endings)
            if self._read is not None and self._read[0] == folder:
                self._read = folder, listing
                if waited.is_set():
                    self._arrived()

        reader = threading.Thread(target=read, daemon=True)  # ending does not wait for a dead drive
        reader.start()
        reader.join(PATIENCE)
        waited.set()


def folder_with(ending: str) -> Path:
    """Where to look first for a file of this ending: here, else where downloads go, if one holds
    such a file; else the home folder."""
    for folder in (Path.cwd(), Path.home() / "Downloads"):
        held = FolderReader((ending,), lambda: None).of(folder)  # does not wait for a dead drive
        if any(not entry.is_folder for entry in held.entries):
            return folder
    return Path.home()


def shown_path(folder: Path, room: int) -> str:
    """A folder's path from the home folder on; if it is long, its end."""
    home = Path.home()
    text = str(folder)
    if folder.is_relative_to(home):
        text = str(Path("~") / folder.relative_to(home))
    return text if len(text) <= room else f"…{text[1 - room :]}"
