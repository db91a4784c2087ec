"""The way to the model: one request at a time, a few that wait, and no more."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK = 0.25  # seconds between two looks whether a waiting client is still there


class Full(Exception):
    """So many requests wait that another one is turned away."""


class Stopping(Exception):
    """The server ends, and nothing new begins."""


class Gone(Exception):
    """The client has closed its connection."""


class Gate:
    """Lets one request in at a time, in the order in which they came."""

    def __init__(self, most: int) -> None:
        """`most`: how many may wait while one is answered."""
        self.most = most
        self.stopping = False
        self._line: deque[object] = deque()  # the first is being answered
        self._moved = threading.Condition()

    @contextmanager
    def turn(self, gone: Callable[[], bool]) -> Iterator[None]:
        """Wait for the turn of this request, hold it for the block. `gone`: whether its client is.

        Raises Full at once if too many wait; Stopping or Gone while it waits.
        """
        me = object()
        with self._moved:
            if self.stopping:
                raise Stopping
            if len(self._line) > self.most:
                raise Full
            self._line.append(me)
        try:
            self._wait(me, gone)
            yield
        finally:
            with self._moved:
                self._line.remove(me)
                self._moved.notify_all()

    def _wait(self, me: object, gone: Callable[[], bool]) -> None:
        while True:
            with self._moved:
                if self.stopping:
                    raise Stopping
                if self._line[0] is me:
                    return
                self._moved.wait(LOOK)
            if gone():
                raise Gone

    @property
    def busy(self) -> bool:
        """Whether a request is being answered or waits."""
        return bool(self._line)

    def stop(self) -> None:
        """From now on nothing begins; all that wait are turned away."""
        with self._moved:
            self.stopping = True
            self._moved.notify_all()
