"""The bottom line: every key that does something now. One widget that is drawn when it changes.

Textual's own footer mounts a widget for every key whenever the focus moves or a text is checked,
and keys pressed meanwhile wait for that.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen

from edgemed_tui.literal import Words, literal

SPARED = ("Evidence", "Documents", "Insert")
"""Actions whose keys are left out first if there is no room for all."""


class Shown(NamedTuple):
    """A key on the line: its name, and what it does."""

    key: str
    name: str
    does: str


class KeysLine(Words):
    """Keys left to right in the order of the screen; a click presses one."""

    def __init__(self) -> None:
        super().__init__(id="keys-line")
        self.keys: list[Shown] = []
        self.shown: list[Shown] = []
        self.starts = [0]

    def on_mount(self) -> None:
        """Follow changes of the screen's keys."""
        self.screen.bindings_updated_signal.subscribe(self, self._keys_changed)

    def on_unmount(self) -> None:
        """Stop following."""
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _keys_changed(self, screen: Screen[object]) -> None:
        self.call_after_refresh(self._list)

    def _list(self) -> None:
        if not self.is_attached:
            return
        found: dict[str, Binding] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show and active.enabled:
                found.setdefault(active.binding.action, active.binding)
        shown = [Shown(b.key, self.app.get_key_display(b), b.description) for b in found.values()]
        if shown != self.keys:
            self.keys = shown
            self._draw()

    def _draw(self) -> None:
        self.shown, gap = fitting(self.keys, self.size.width)
        self.say(literal(" " * gap).join([drawn(key) for key in self.shown]))
        self.starts = [0, *accumulate(width(key) + gap for key in self.shown)]

    def on_resize(self) -> None:
        """More or fewer keys fit."""
        self._draw()

    async def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        at = bisect_right(self.starts, event.x) - 1
        if 0 <= at < len(self.shown):
            self.app.simulate_key(self.shown[at].key)


def width(key: Shown) -> int:
    """Columns of one key."""
    return len(key.name) + 1 + len(key.does)


def fitting(keys: Sequence[Shown], room: int) -> tuple[list[Shown], int]:
    """The keys that fit into `room` columns, and the gap between two: all of them if possible.

    The palette and the help name every key, so keys that are easy to find without the line are
    left out first.
    """
    for gap in (2, 1):
        if sum(width(key) + gap for key in keys) - gap <= room:
            return list(keys), gap
    if (least := next((k for does in SPARED for k in keys if k.does == does), None)) is not None:
        return fitting([key for key in keys if key is not least], room)
    ends = accumulate(width(key) + 1 for key in keys)
    return [key for key, end in zip(keys, ends, strict=True) if end - 1 <= room], 1


def drawn(key: Shown) -> Content:
    """One key: its name stands out, then what it does."""
    return literal((key.name, "bold $footer-key-foreground"), f" {key.does}")
