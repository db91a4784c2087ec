"""The settings and speeds that tuning found for each model on this machine.

They are kept in a small JSON file in the user's folder. A result applies only to the same file
(path, size and modification time) on the same processor.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgemed_models.machine import cpu_name, logical_cores

from edgemed.errors import EdgemedError
from edgemed.storage.bounded import json_of, read_bounded
from edgemed.storage.whole import private_folder, write_whole


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens per second that a model reads and writes with these settings.

    `reread`: tokens that it reads for a further draft of a note that it has read. `unsteady`: by
    how much the time of the same settings differed when they were tried again, as a share. None
    if an earlier version did not measure it.
    """

    threads: int
    batch: int
    read: float
    written: float
    reread: int | None = None
    unsteady: float | None = None


def recall(path: Path) -> Speed | None:
    """The best settings found for `path` on this machine; None if it was not tuned."""
    try:
        return Speed(**_table()[_key(path)])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(path: Path, speed: Speed) -> None:
    """Load `path` with these settings from now on, unless the user gives others. EdgemedError if
    they cannot be saved."""
    try:
        table = _table()
    except (OSError, ValueError):
        table = {}
    table[_key(path)] = asdict(speed)
    file = note_file()
    try:
        private_folder(file.parent)
        write_whole(file, json.dumps(table, indent=1).encode())
    except OSError as error:
        raise EdgemedError(
            f"cannot save the settings in {file}: {error.strerror}",
            "free some disk space and tune again",
        ) from error


def note_file() -> Path:
    """The file of results."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "tuning.json"


def _table() -> dict[str, Any]:
    table = json_of(read_bounded(note_file(), "file of settings"))
    if not isinstance(table, dict):
        raise ValueError("not a table")
    return table


def _key(path: Path) -> str:
    stat = path.stat()
    cpu = f"{cpu_name()} x {logical_cores()}"
    return f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} on {cpu}"
