"""Signed text to the clipboard of the terminal, by the sequence that most terminals know (OSC 52).

It reaches the clipboard of the computer at which the user sits, also over ssh. No terminal says
whether it has taken the text.
"""

import base64
import sys
from collections.abc import Callable

COPYING = """What is on the clipboard can be read by every program of this machine, and some
machines keep or share it."""


def sequence(text: str) -> str:
    """The sequence for the terminal; it contains `text` only encoded."""
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode('ascii')}\a"


def of_terminal() -> Callable[[str], None] | None:
    """The function that puts text on the clipboard; None if standard output is not a terminal."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None

    def release(text: str) -> None:
        sys.stdout.write(sequence(text))
        sys.stdout.flush()

    return release
