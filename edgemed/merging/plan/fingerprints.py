"""sha256 of the input files, computed while they are merged, or before if it is needed first.

One thread reads each file from start to end at the pace of the merge, a little ahead of it: what it
reads is then in the page cache when the merge needs it, so a file is read from disk once. Of many
files a thread reads several, one after the other, and one reads all that are small. Hashing
releases the GIL.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from edgemed.errors import EdgemedError

PIECE = 1 << 18
AHEAD = 0.05
"""How far hashing may be ahead of the merge, as a share of the files."""
PAUSE = 0.02
SMALL = 1 << 24
"""Bytes of files that are read at once: settings and tokenizers."""
MOST = 8
"""Threads for files that are not small; a checkpoint may have a hundred shards."""


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


def streams(inputs: Sequence[Input]) -> list[list[Input]]:
    """The files that one thread reads one after the other."""
    small = [input for input in inputs if input.size < SMALL]
    large = [input for input in inputs if input.size >= SMALL]
    each = max(1, -(-len(large) // MOST))
    runs = [large[at : at + each] for at in range(0, len(large), each)]
    return [*runs, small] if small else runs


class Fingerprints:
    """Threads that hash `inputs` as far as `share()` (0 to 1) says the merge is; a context."""

    def __init__(self, inputs: Sequence[Input], share: Callable[[], float]) -> None:
        self._share = share
        self._rest = threading.Event()
        self._stop = threading.Event()
        self._failed: list[OSError] = []
        self._hashes = {input.path: "" for input in inputs}
        self._threads = [
            threading.Thread(target=self._hash, args=(files,), name="hash")
            for files in streams(inputs)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
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

    def _hash(self, inputs: Sequence[Input]) -> None:
        """Hash files one after the other; `before` are the bytes of those that are done."""
        whole, before = sum(input.size for input in inputs), 0
        for input in inputs:
            digest = hashlib.sha256()
            try:
                with input.path.open("rb", buffering=0) as file:
                    self._read(file.readinto, before, whole, digest.update)
            except OSError as error:
                error.filename = error.filename or str(input.path)
                self._failed.append(error)
            self._hashes[input.path] = digest.hexdigest()
            before += input.size

    def _read(
        self,
        readinto: Callable[[bytearray], int],
        done: int,
        whole: int,
        update: Callable[[memoryview], None],
    ) -> None:
        piece = bytearray(PIECE)
        while not self._stop.is_set():
            ahead = 1.0 if whole < SMALL else self._share() + AHEAD
            if done >= ahead * whole and not self._rest.is_set() and ahead < 1.0:
                self._rest.wait(PAUSE)
                continue
            got = readinto(piece)
            if not got:
                return
            update(memoryview(piece)[:got])
            done += got


def hashes_of(inputs: Sequence[Input], tell: Callable[[], None]) -> list[str]:
    """Read all of them now, and give the hash of each; `tell` is called with the progress."""
    with Fingerprints(inputs, lambda: 1.0) as hashing:
        while not hashing.done(PAUSE):
            tell()
        return hashing.hashes()
