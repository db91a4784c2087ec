"""All output of the command line goes through here: no text from outside can control a terminal.

`main` replaces stdout and stderr by `Cleaned`, so that no command has to think of it.
There are three exceptions, each for one purpose:

    data()       a draft, an answer, a template's file: character for character into a pipe or a
                 file; cleaned on a terminal, because a model's text comes from outside too
    clear_line() the only cursor movement that edgemed makes itself
    beneath()    for rich, which draws tables and bars and is given cleaned cells
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from edgemed.errors import LOG_LINE
from edgemed.printable import printable, printable_text

CLEAR_LINE = "\r\x1b[K"


class Cleaned:
    """A text stream that writes control characters as escapes, whoever writes."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write `text` in a form that is safe to show."""
        self.stream.write(printable_text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Each of `lines` as `write` does."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def cleaned() -> Iterator[None]:
    """Stdout and stderr are cleaned while this lasts."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, Cleaned(beneath(stream))) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def beneath(stream: TextIO) -> TextIO:
    """The stream that `stream` cleans, or itself: for text that is cleaned already."""
    return stream.stream if isinstance(stream, Cleaned) else stream


def data() -> TextIO:
    """Where a command's result goes: as it is, except on a terminal."""
    return sys.stdout if sys.stdout.isatty() else beneath(sys.stdout)


def clear_line(stream: TextIO) -> None:
    """On a terminal, erase the current line."""
    if stream.isatty():
        beneath(stream).write(CLEAR_LINE)
        stream.flush()


def shown_hint(hint: str) -> str:
    """A hint on one line, and the lines of an engine's log below it."""
    return LOG_LINE.join(map(printable, hint.split(LOG_LINE)))


def print_json(document: Any, indent: int | None = 2) -> None:
    """JSON on stdout: ASCII only, other characters as JSON's own escapes."""
    import json

    print(json.dumps(document, indent=indent).replace("\x7f", "\\u007f"))
