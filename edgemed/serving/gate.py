"""The queue for the model: one request is answered, a few wait, more are refused."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK = 0.25  # seconds between two looks whether a waiting client is still there


class Full(Exception):
    """The queue is full: another request is refused."""


class Stopping(Exception):
    """The server is stopping: nothing new begins."""


class Gone(Exception):
    """The client has closed its connection."""


class Gate:
    """Lets one request in at a time, in the order of arrival."""

    def __init__(self, most: int) -> None:
        """`most`: how many may wait while one is answered."""
        self.most = most
        self.stopping = False
        self._line: deque[object] = deque()  # the first is being answered
        self._moved = threading.Condition()

    @contextmanager
    def turn(self, gone: Callable[[], bool]) -> Iterator[None]:
        """Wait for this request's turn, and hold it for the block. `gone`: has its client left?

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
        """From now on nothing begins; all waiting requests are refused."""
        with self._moved:
            self.stopping = True
            self._moved.notify_all()
