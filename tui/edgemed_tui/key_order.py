"""Keys are handled one after another, however fast they come.

Textual hands each key at once to the widget that has the focus. A key that moves the focus, or
opens a dialog, is still on its way then, so the keys behind it would land in the old field. Here a
key waits until the one before it has been handled everywhere and its dialog is open.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from textual import events
from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.screen import Screen

from edgemed_tui.escape import meant

PATIENCE = 0.5
"""Seconds after which the next key is handed on all the same: a busy part handles no keys."""

OPENING = 5.0
"""Seconds to wait for a dialog that is opening: no key is meant for what is under it."""

TURNS, LATE_TURNS = 3, 20
"""Turns of the event loop in which a worker that a key started opens its dialog."""


class KeyOrder:
    """Keys that were typed and not yet handled; `hand_on` gives an event to Textual."""

    def __init__(self, app: App[Any], hand_on: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app, self._hand_on = app, hand_on
        self._waiting: deque[events.Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def take(self, event: events.Event) -> None:
        """Queue a key or a paste."""
        self._waiting.append(event)
        if not self.busy:
            self._task = asyncio.create_task(self._hand_on_all())
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """An error in handling a key is the app's: it reports type and place, and ends."""
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._app._handle_exception(error)

    @property
    def busy(self) -> bool:
        """Whether a key waits or is being handed on."""
        return self._task is not None and not self._task.done()

    async def _hand_on_all(self) -> None:
        while self._waiting:
            screens = tuple(self._app.screen_stack)
            focused = screens[-1].focused if screens else None
            key, *then = meant(self._waiting.popleft(), focused)
            self._waiting.extendleft(reversed(then))
            await self._hand_on(key)
            if not await handled(self._app, screens):  # after the last one too: more may come
                self._waiting.clear()


async def handled(app: App[Any], screens: tuple[Screen[Any], ...]) -> bool:
    """Wait until the last key is handled, and what it opened on top of the earlier `screens` has
    the focus; False if the app ends."""
    try:
        if await in_time(settled(app, screens), PATIENCE):
            return True
        for _ in range(LATE_TURNS):  # on a busy machine the time may be over before anything ran
            await asyncio.sleep(0)
        if is_opening(app, screens):
            await in_time(settled(app, screens), OPENING)
    except ScreenStackError:
        return False
    return True


async def in_time(waiting: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Whether it ended within that many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await waiting
    except TimeoutError:
        return False
    return True


async def settled(app: App[Any], screens: tuple[Screen[Any], ...]) -> None:
    """Wait until the queue is handled and the next key's target no longer changes."""
    before = None
    while before != (before := place(app)) or is_opening(app, screens):
        await through(app.focused or app.screen)
        for _ in range(TURNS):
            await asyncio.sleep(0)


def is_opening(app: App[Any], screens: tuple[Screen[Any], ...]) -> bool:
    """Whether a new screen has not yet given the focus to one of its widgets."""
    if app.screen in screens or app.focused is not None:
        return False
    return not app.screen.is_mounted or bool(app.screen.focus_chain)


def place(app: App[Any]) -> tuple[object, object]:
    """The target of the next key."""
    return app.screen, app.focused


async def through(node: DOMNode) -> None:
    """Wait for the messages queued at `node` and at everything that its keys bubble up to."""
    for pump in node.ancestors_with_self:
        await behind(pump)


async def behind(pump: MessagePump) -> None:
    """Wait until `pump` has handled what it was sent so far."""
    reached = asyncio.Event()
    if pump.call_later(reached.set):
        await reached.wait()
