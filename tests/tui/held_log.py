"""An audit log in a folder of the test's own, and another program that holds it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgemed.logs.audit import Log, LogFiles


def place(folder: Path) -> LogFiles:
    """Where `services(folder=...)` keeps the log."""
    return LogFiles(folder / "audit.sqlite", folder / "audit.key", folder / "audit.seal")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Another program that holds the log."""
    Log(place(folder))
    other = sqlite3.connect(folder / "audit.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()
