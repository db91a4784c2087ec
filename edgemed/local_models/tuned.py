"""How fast models were found to run on this machine, and with what settings: kept from a tuning.

A small JSON file in the user's folder. What was measured counts for that very file (place, size and
time of change) on this processor; anything else is as if nothing had been measured.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgemed_models.engine.machine import cpu_name, logical_cores

from edgemed.errors import EdgemedError
from edgemed.storage.bounded import json_of
from edgemed.storage.whole import private_folder, write_whole


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens a second that a model reads and writes with these settings."""

    threads: int
    batch: int
    read: float
    written: float


def recall(path: Path) -> Speed | None:
    """What was found best for `path` on this machine, if it was tuned."""
    try:
        return Speed(**_table()[_key(path)])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(path: Path, speed: Speed) -> None:
    """Load `path` this way from now on, unless the user says otherwise. EdgemedError if it cannot
    be kept."""
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
            f"the setting cannot be kept in {file}: {error.strerror}",
            "free some disk space and tune again",
        ) from error


def note_file() -> Path:
    """Where the notes stand."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False) / "tuning.json"


def _table() -> dict[str, Any]:
    table = json_of(note_file().read_text("utf-8"))
    if not isinstance(table, dict):
        raise ValueError("not a table")
    return table


def _key(path: Path) -> str:
    stat = path.stat()
    cpu = f"{cpu_name()} x {logical_cores()}"
    return f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} on {cpu}"
