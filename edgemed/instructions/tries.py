"""Records how each try of a run ended: a line for each, on disk before the next one begins.

    {"run": {...}}                                              what identifies the run
    {"try": 1, "fate": "kept", "row": {...}}                    a task with its answer
    {"try": 2, "fate": "instruction too like another"}          a try that gave none

The file is held by one process at a time. A kill or a power cut can leave half a line at its end,
which is cut off; a try that was not written is made again, from the same seeds.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from edgemed.errors import EdgemedError, InvalidFile, Refused
from edgemed.instructions.task import Row
from edgemed.storage.bounded import json_of, read_stream
from edgemed.storage.held import give_up, hold
from edgemed.storage.positional import sync_folder

KEPT = "kept"
KIND = "run of tasks"
BEGUN = "run"
FIRST = b'{"run": {'  # how the file begins
ANEW = "give the same files and options, or start over and replace what is there"

Identity = Mapping[str, Any]
"""What two runs must share to give the same tasks: JSON values by their names for a refusal."""


class Try(NamedTuple):
    """One try: how it ended, and if that is KEPT the task with its answer."""

    fate: str
    row: Row | None = None


def place(out: Path) -> Path:
    """The path of the tries of the run for `out`."""
    return out.with_name(out.name + ".progress")


class Tries:
    """The tries of one run, in a file that this process holds until `close`."""

    def __init__(self, path: Path, anew: bool) -> None:
        """Open `path`; if `anew`, its content is replaced when the run begins.

        Refused while another process has it; InvalidFile if it is damaged.
        """
        self.path = path
        self.run: Identity | None = None
        self.all: list[Try] = []
        self._last = self._kept = self._size = 0
        self._fd = hold(path, keep=True)
        try:
            if not anew:
                self._size = self._read()
        except BaseException:
            self.close()
            raise

    def begin(self, run: Identity) -> None:
        """Write what identifies the run. Refused if the file belongs to another run."""
        run, begun = json.loads(json.dumps(run)), self.run or {}
        changed = [word for word in {**begun, **run} if begun.get(word) != run.get(word)]
        if begun and changed:
            raise Refused(f"{self.path} was begun with other {', '.join(changed)}", ANEW)
        os.ftruncate(self._fd, self._size)  # half a line at the end, or all of it
        if not begun:
            self._append({BEGUN: run})
            sync_folder(self.path.parent)
            self.run = run

    def add(self, tried: Try) -> None:
        """Write a try, durably."""
        row = {} if tried.row is None else {"row": tried.row}
        self._append({"try": len(self.all) + 1, "fate": tried.fate, **row})
        self._note(tried)

    @property
    def kept(self) -> list[Row]:
        """The tasks so far."""
        return [tried.row for tried in self.all if tried.row is not None]

    @property
    def tasks(self) -> int:
        """How many tasks there are so far."""
        return self._kept

    @property
    def fates(self) -> Counter[str]:
        """How many tries had each fate."""
        return Counter(tried.fate for tried in self.all)

    @property
    def in_vain(self) -> list[Try]:
        """The tries since the last task."""
        return self.all[self._last :]

    def _read(self) -> int:
        """Read all whole lines; returns their bytes."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        with os.fdopen(self._fd, "rb", closefd=False) as file:
            data = read_stream(file, KIND, str(self.path))
        size = data.rfind(b"\n") + 1
        if not size and not (data.startswith(FIRST) or FIRST.startswith(data)):
            raise InvalidFile(f"{self.path} is not a file of tries", "give the output another name")
        for number, line in enumerate(data[:size].splitlines()):
            self._take(line, number)
        return size

    def _take(self, line: bytes, number: int) -> None:
        """Line `number` (from 0) of the file."""
        try:
            table = json_of(line)
            if number == 0:
                self.run = dict(table[BEGUN])
                return
            tried = Try(table["fate"], table.get("row"))
            right = table["try"] == number and (tried.fate == KEPT) == isinstance(tried.row, dict)
        except (ValueError, KeyError, TypeError):
            right = False
        if not right:
            raise InvalidFile(f"{self.path}, line {number + 1} is damaged", ANEW)
        self._note(tried)

    def _note(self, tried: Try) -> None:
        self.all.append(tried)
        if tried.row is not None:
            self._last, self._kept = len(self.all), self._kept + 1

    def _append(self, table: Mapping[str, Any]) -> None:
        """Write a line after the others, and sync it; where that fails, no part of it stays."""
        data = (json.dumps(table, ensure_ascii=False) + "\n").encode()
        try:
            os.lseek(self._fd, self._size, os.SEEK_SET)
            left = data
            while left:
                left = left[os.write(self._fd, left) :]
            os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):  # what stays of it is cut off when the run continues
                os.ftruncate(self._fd, self._size)
            raise EdgemedError(
                f"cannot write {self.path}: {error.strerror}",
                "free some disk space, then go on where it stopped: no task is lost",
            ) from error
        self._size += len(data)

    def close(self) -> None:
        """Release the file; an empty one is removed."""
        fd, self._fd = self._fd, -1  # first, so that no interrupt makes it be closed twice
        if fd >= 0:
            if os.fstat(fd).st_size:
                os.close(fd)
            else:
                give_up(self.path, fd)

    def remove(self) -> None:
        """The run has come to its end: remove the file."""
        fd, self._fd = self._fd, -1
        give_up(self.path, fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
