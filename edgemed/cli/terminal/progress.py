"""The progress of work on weights: a bar on a terminal, elsewhere only why the first run is slow.

Also durations in words.

rich is imported for a terminal only: in a script it would be a tenth of the time to start.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[int], None]
"""Takes how many weights are done."""
Say = Callable[[str], None]
"""Takes the name of what is being compiled."""

SECONDS_BETWEEN_UPDATES = 0.1


@contextmanager
def progress_bar(verb: str, total: int) -> Iterator[tuple[Show, Say]]:
    """The progress of `verb` (such as `merging`) through `total` weights, on stderr."""
    if sys.stderr.isatty():
        from edgemed.cli.terminal.bar import bar

        with bar(verb, total) as (update, line):
            yield at_most_often(update, total), lambda name: line(compiling(name))
    else:
        yield lambda done: None, lambda name: print(compiling(name), file=sys.stderr)


def compiling(name: str) -> str:
    """Why the first run starts slowly."""
    return f"compiling {name}, once"


def at_most_often(update: Show, total: int) -> Show:
    """`update`, but not more than ten times a second before the end."""
    shown = 0.0

    def show(done: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if done == total or now > shown + SECONDS_BETWEEN_UPDATES:
            shown = now
            update(done)

    return show


def minutes(seconds: float) -> str:
    """A duration in words."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"
