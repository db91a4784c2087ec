"""Lists a folder of the user's. One that cannot be read is an error, and never looks empty.

`Path.glob` ignores a folder that may not be read, and `Path.is_dir` raises for one inside it.
"""

import os
from pathlib import Path

from edgemed.errors import EdgemedError
from edgemed.storage.system_errors import worded


def files_in(folder: Path, ending: str) -> list[Path]:
    """What is in `folder` under names with `ending`, as `entries_in`."""
    return [path for path in entries_in(folder) if path.name.endswith(ending)]


def entries_in(folder: Path) -> list[Path]:
    """What is in `folder`, sorted; nothing if there is no folder. EdgemedError if it cannot be
    read, or is a file."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        if is_missing(folder, error):
            return []
        said = worded(error)
        hint = said.hint if said else "move it away"
        raise EdgemedError(f"the folder {folder} cannot be read: {error.strerror}", hint) from error


def is_missing(folder: Path, error: OSError) -> bool:
    """Whether `error` says that there is no `folder`; a file in its place does not count."""
    if isinstance(error, NotADirectoryError):  # with /dev/null as a home there is nothing inside
        return not os.path.lexists(folder)
    return isinstance(error, FileNotFoundError)
