"""sha256 of the input files, taken while they are merged, or before where that must be known first.

One thread reads each file from start to end at the pace of the merge, a little ahead of it: what it
reads is then in the page cache when the merge needs it, so a file comes from the disk once.
Hashing releases the GIL.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from edgemed.errors import EdgemedError

PIECE = 1 << 18
AHEAD = 0.05
"""How far hashing may be ahead of the merge, as a share of the file."""
PAUSE = 0.02


class Input(NamedTuple):
    """A file as it was when the merge was planned."""

    path: Path
    size: int
    mtime_ns: int


def input_of(path: Path) -> Input:
    """The file as it is now."""
    found = path.stat()
    return Input(path, found.st_size, found.st_mtime_ns)


def refuse_changed(inputs: Sequence[Input]) -> None:
    """EdgemedError if a file has changed."""
    for input in inputs:
        if not input.path.exists() or input_of(input.path) != input:
            raise EdgemedError(
                f"{input.path} changed while it was read",
                "run the command again when nothing writes to the file",
            )


class Fingerprints:
    """Threads that hash `inputs` as far as `share()` (0 to 1) says the merge is; a context."""

    def __init__(self, inputs: Sequence[Input], share: Callable[[], float]) -> None:
        self._share = share
        self._rest = threading.Event()
        self._stop = threading.Event()
        self._failed: list[OSError] = []
        self._hashes = {input.path: "" for input in inputs}
        self._threads = [
            threading.Thread(target=self._hash, args=(input,), name="hash") for input in inputs
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def done(self, seconds: float) -> bool:
        """Wait up to this long; whether every file has been read."""
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def hashes(self) -> list[str]:
        """Read what is left, and give the hash of every input, in order."""
        self._rest.set()
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise EdgemedError(
                f"reading {self._failed[0].filename} failed: {self._failed[0].strerror}",
                "the file changed or its disk is failing; copy it again and check its checksum",
            ) from self._failed[0]
        return list(self._hashes.values())

    def _hash(self, input: Input) -> None:
        digest = hashlib.sha256()
        try:
            with input.path.open("rb", buffering=0) as file:
                self._read(file.readinto, input.size, digest.update)
        except OSError as error:
            error.filename = error.filename or str(input.path)
            self._failed.append(error)
        self._hashes[input.path] = digest.hexdigest()

    def _read(
        self,
        readinto: Callable[[bytearray], int],
        size: int,
        update: Callable[[memoryview], None],
    ) -> None:
        done, piece = 0, bytearray(PIECE)
        while not self._stop.is_set():
            if done >= (self._share() + AHEAD) * size and not self._rest.is_set():
                self._rest.wait(PAUSE)
                continue
            got = readinto(piece)
            if not got:
                return
            update(memoryview(piece)[:got])
            done += got


def hashes_of(inputs: Sequence[Input], tell: Callable[[], None]) -> list[str]:
    """Read all of them now, and give the hash of each; `tell` is called while it lasts."""
    with Fingerprints(inputs, lambda: 1.0) as hashing:
        while not hashing.done(PAUSE):
            tell()
        return hashing.hashes()
