"""The progress bar of a terminal: weights per second, time left, memory of this process."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from edgemed.cli.terminal.printing import beneath
from edgemed.local_models.process_memory import resident_bytes
from edgemed.printable import printable
from edgemed.storage.sizes import show_size


class Rate(ProgressColumn):
    """Million weights per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{(task.speed or 0.0) / 1e6:,.0f} M weights/s")


class MemoryColumn(ProgressColumn):
    """Resident memory of this process."""

    def render(self, task: Task) -> Text:
        return Text(show_size(resident_bytes()))


@contextmanager
def bar(verb: str, total: int) -> Iterator[tuple[Callable[[int], None], Callable[[str], None]]]:
    """A bar on stderr, gone when it is done: what moves it, and what prints a line above it."""
    console = Console(file=beneath(sys.stderr))
    columns = (TextColumn(verb), BarColumn(), Rate(), TimeRemainingColumn(), MemoryColumn())
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as progress:  # if redirected, other output would not be cleaned
        task = progress.add_task(verb, total=total)
        yield (
            lambda done: progress.update(task, completed=done),
            lambda line: console.print(Text(printable(line))),
        )
