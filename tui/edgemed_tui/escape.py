"""Escape is a key of its own, however soon the next key follows.

A terminal sends Escape as the byte that also begins the arrows and Alt with a key. Textual takes
Escape and a key within a tenth of a second for Alt with that key: the Escape is lost, and a letter
still lands in the text. No key here is Alt with a letter, so it counts as Escape, then the letter.
Sequences that begin with Escape and `[` or `O`, as the arrows do, with or without Alt, stay.
"""

import sys
from collections.abc import Iterable

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message

ESCAPE = "\x1b"
LONGER = ("[", "O", ESCAPE)  # what Escape may begin a longer sequence with, and Escape twice
DELAY = 0.05
"""Seconds for the rest of a sequence to come: a quick typist takes 0.066 between two keys."""


class Parser(XTermParser):
    """What the terminal sends, as keys; Alt with a character is Escape, then the character."""

    def feed(self, data: str) -> Iterable[Message]:
        """Keys of `data`; an Escape that waited too long for more was one before that."""
        if data:
            yield from self.tick()
        yield from super().feed(data)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        lone = len(sequence) == 2 and sequence[0] == ESCAPE and sequence[1] not in LONGER
        if lone or alt:
            yield events.Key("escape", ESCAPE)
        yield from super()._sequence_to_key_events(sequence[1:] if lone else sequence)


def keeps_escape(driver: type[Driver]) -> type[Driver]:
    """The terminal driver, which from now on reads keys so; it takes its parser by that name."""
    for name in (driver.__module__, "textual.drivers.win32"):
        if hasattr(module := sys.modules.get(name), "XTermParser"):
            setattr(module, "XTermParser", Parser)  # noqa: B010 - the modules do not export it
    setattr(constants, "ESCAPE_DELAY", DELAY)  # noqa: B010 - Textual calls it final
    return driver
