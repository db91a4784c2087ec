"""The three standard files, open whatever the caller closed.

A process begun without one of them (a service, a scheduler, `>&-`) has None in its place, and the
next file that is opened gets its number: what a library then prints would land in a model or a
database.
"""

import errno
import os
import sys

CLOSED = errno.EBADF
"""What a write to a closed standard output answers."""

STREAMS = (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
"""A closed input is empty; messages to a closed stderr go nowhere. Writing to a closed stdout is an
error, so that no result is lost silently."""


def open_missing() -> None:
    """Open those of 0, 1 and 2 that are closed, and replace None by streams."""
    for number, (name, mode, flags) in enumerate(STREAMS):
        if getattr(sys, name) is None:
            _occupy(number, flags)
            stream = open(number, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _occupy(number: int, flags: int) -> None:
    """Have the file `number` open."""
    nowhere = os.open(os.devnull, flags)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
