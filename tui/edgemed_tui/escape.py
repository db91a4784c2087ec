"""Escape is a key of its own, however soon the next key follows.

A terminal sends Escape as the byte that also begins the arrows and Alt with a key. Textual takes
Escape and a key within a tenth of a second for Alt with that key: the Escape is lost, and a letter
still lands in the text. No key here is Alt with a letter, so it counts as Escape, then the letter.
Sequences that begin with Escape and `[` or `O`, as the arrows do, with or without Alt, stay.

In a text field three of them are what a terminal sends for Alt with an arrow or Backspace: a word
back, a word forward, delete a word. There they count as that, if both bytes came at once.
"""

import sys
from collections.abc import Iterable

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, TextArea

ESCAPE = "\x1b"
LONGER = ("[", "O", ESCAPE)  # what Escape may begin a longer sequence with, and Escape twice
DELAY = 0.05
"""Seconds to wait for the rest of a sequence: a quick typist takes 0.066 between two keys."""


WORDS = {"b": "ctrl+left", "f": "ctrl+right", "backspace": "ctrl+w"}
"""Keys that with Alt act on a word in a text field, and the field's own names for that."""


class AltOrEscape(events.Key):
    """Alt with the key `second`, or Escape and then that key: the focus decides."""

    def __init__(self, second: events.Key) -> None:
        super().__init__(f"alt+{second.key}", None)
        self.second = second


def meant(event: events.Event, focused: Widget | None) -> list[events.Event]:
    """The keys that `event` stands for where `focused` has the focus."""
    if not isinstance(event, AltOrEscape):
        return [event]
    if isinstance(focused, Input) or (isinstance(focused, TextArea) and not focused.read_only):
        return [events.Key(WORDS[event.second.key], None)]
    return [events.Key("escape", ESCAPE), event.second]


class Parser(XTermParser):
    """What the terminal sends, as keys; Alt with a character is Escape, then the character."""

    _read = ""  # bytes that came at once

    def feed(self, data: str) -> Iterable[Message]:
        """Keys of `data`; an Escape that waited too long for more was one before that."""
        self._read = data
        if data:
            yield from self.tick()
        yield from super().feed(data)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        lone = len(sequence) == 2 and sequence[0] == ESCAPE and sequence[1] not in LONGER
        found = list(super()._sequence_to_key_events(sequence[1:] if lone else sequence))
        if lone and sequence in self._read and found[0].key in WORDS:
            yield AltOrEscape(found[0])
            return
        if lone or alt:
            yield events.Key("escape", ESCAPE)
        yield from found


def keeps_escape(driver: type[Driver]) -> type[Driver]:
    """The terminal driver, which from now on reads keys so; it finds its parser by that name."""
    for name in (driver.__module__, "textual.drivers.win32"):
        if hasattr(module := sys.modules.get(name), "XTermParser"):
            setattr(module, "XTermParser", Parser)  # noqa: B010 - the modules do not export it
    setattr(constants, "ESCAPE_DELAY", DELAY)  # noqa: B010 - Textual calls it final
    return driver
