"""Writes the results of a run: tasks as JSON Lines, their card, and an Alpaca list if asked.

The lines hold everything about a task, and `edgemed adapt` reads them as examples. The card says
what they were made from, and how every try ended. Both follow from the tries alone.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edgemed import __version__
from edgemed.errors import Refused
from edgemed.instructions.make import FATES
from edgemed.instructions.task import Row
from edgemed.instructions.tries import Tries
from edgemed.storage.whole import in_words, write_new, write_whole

ALPACA = ("instruction", "input", "output")


def card_place(out: Path) -> Path:
    """The path of the card of `out`."""
    return out.with_name(out.name + ".json")


def lines_of(rows: Iterable[Row]) -> bytes:
    """Everything about the tasks, a line each."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def alpaca_of(rows: Iterable[Row]) -> bytes:
    """The tasks as one JSON list of instruction, input and output; `input` may be empty."""
    table = [{name: row[name] for name in ALPACA} for row in rows]
    return (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode()


def card_of(tries: Tries, lines: bytes) -> dict[str, Any]:
    """The card of the tasks in `lines`; it holds no text of a task."""
    fates = tries.fates
    return {
        "made_by": f"edgemed {__version__}",
        "tasks_sha256": hashlib.sha256(lines).hexdigest(),
        "tasks": len(tries.kept),
        "tries": {fate: fates[fate] for fate in FATES if fates[fate]},
        "run": tries.run,
    }


def write_all(out: Path, alpaca: Path | None, tries: Tries, force: bool) -> None:
    """Write all files; the tasks come last. Files that have the same bytes already stay."""
    rows = tries.kept
    lines = lines_of(rows)
    card = json.dumps(card_of(tries, lines), indent=2, allow_nan=False).encode() + b"\n"
    files: list[tuple[Path, bytes]] = [(card_place(out), card), (out, lines)]
    if alpaca is not None:
        files.insert(0, (alpaca, alpaca_of(rows)))
    refuse_others(files, force)
    for path, data in files:
        with in_words(path):
            if not holds(path, data):
                (write_whole if force else write_new)(path, data)


def refuse_others(files: Sequence[tuple[Path, bytes]], force: bool) -> None:
    """Refused if one of the names holds something else, unless `force`."""
    for path, data in files:
        if path.exists() and not force and not holds(path, data):
            raise Refused(
                f"{path} exists already with other content",
                "move it away and run the command again, or replace it",
            )


def holds(path: Path, data: bytes) -> bool:
    """Whether `path` is a file with these bytes."""
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
