"""The bottom line, or two: every key that does something now. One widget, drawn when it changes.

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

from edgemed_tui.literal import Words, lines, literal

MOST = 2  # rows
SPARED = ("Evidence", "Documents", "Insert")
"""What keys do that are left out first if two rows have no room for all."""


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
        self.rows: list[list[Shown]] = [[]]
        self.starts = [[0]]
        self.tall, self.room = 1, 0  # rows and columns

    @property
    def shown(self) -> list[Shown]:
        """The keys for which there is room."""
        return [key for row in self.rows for key in row]

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
        self.rows, gap = arranged(self.keys, self.size.width)
        self.tall = max(self.tall, len(self.rows))
        if self.styles.height is None or self.styles.height.value != self.tall:
            self.styles.height = self.tall
        self.say(lines(literal(" " * gap).join([drawn(key) for key in row]) for row in self.rows))
        self.starts = [[0, *accumulate(width(key) + gap for key in row)] for row in self.rows]

    def on_resize(self) -> None:
        """More or fewer keys fit; a second row is kept, so that it does not come and go."""
        if self.size.width != self.room:
            self.room, self.tall = self.size.width, 1
            self._draw()

    async def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        if event.y < len(self.rows):
            row, at = self.rows[event.y], bisect_right(self.starts[event.y], event.x) - 1
            if 0 <= at < len(row):
                self.app.simulate_key(row[at].key)


def width(key: Shown) -> int:
    """Columns of one key."""
    return len(key.name) + 1 + len(key.does)


def arranged(keys: Sequence[Shown], room: int) -> tuple[list[list[Shown]], int]:
    """The keys in one row of `room` columns, or in two, and the gap between two keys: all of them
    if possible.

    The palette and the help name every key, so keys that are easy to find without the line are
    left out first.
    """
    for rows, gap in ((1, 2), (1, 1), (MOST, 2), (MOST, 1)):
        if len(found := broken(keys, room, gap)) <= rows and fits(found, room):
            return found, gap
    if (least := next((k for does in SPARED for k in keys if k.does == does), None)) is not None:
        return arranged([key for key in keys if key is not least], room)
    return arranged(keys[:-1], room)


def broken(keys: Sequence[Shown], room: int, gap: int) -> list[list[Shown]]:
    """The keys in rows, each as full as it can be."""
    rows: list[list[Shown]] = [[]]
    left = room
    for key in keys:
        if rows[-1] and width(key) > left:
            rows.append([])
            left = room
        rows[-1].append(key)
        left -= width(key) + gap
    return rows


def fits(rows: Sequence[Sequence[Shown]], room: int) -> bool:
    """Whether no key is wider than its row."""
    return all(width(key) <= room for row in rows for key in row)


def drawn(key: Shown) -> Content:
    """One key: its name stands out, then what it does."""
    return literal((key.name, "bold $footer-key-foreground"), f" {key.does}")
