"""The server: connections in threads, one model behind a queue, and a clean end."""

import itertools
import os
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from edgemed_models.base import LanguageModel

from edgemed.serving.gate import Gate
from edgemed.serving.handler import Handler

MOST_CONNECTIONS = 64
QUEUE = 8  # requests that wait while one is answered
GRACE = 5.0  # seconds for running answers to end when the server stops


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves one model on a socket that listens already; makes no other."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        listening: socket.socket,
        model: LanguageModel,
        token: str,
        queue: int = QUEUE,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`queue` requests may wait. `tell` takes a line for each answer, without text of it."""
        address = listening.getsockname()
        # Not TCPServer's own: that makes a socket, and looks up this machine's name.
        socketserver.BaseServer.__init__(self, address, Handler)
        self.socket = listening
        self.model, self.secret, self.gate, self.tell = model, token.encode(), Gate(queue), tell
        self.names = tuple(f"{host}:{address[1]}" for host in ("127.0.0.1", "localhost"))
        self.since = int(time.time())
        self._numbers = itertools.count(1)
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"http://{self.names[0]}/v1"

    def next_number(self) -> int:
        """The number of an answer."""
        return next(self._numbers)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own; close one too many."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An unexpected error by its type and place only; its text could quote a request."""
        error = sys.exception()
        frames = traceback.extract_tb(error.__traceback__) if error else []
        place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"  # noqa: PTH119
        self.tell(f"internal error: {type(error).__name__} in {place}")

    def begin(self) -> threading.Thread:
        """Accept connections in a thread of its own, until `end`."""
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="edgemed-serve")
        thread.daemon = True
        thread.start()
        return thread

    def end(self) -> None:
        """Accept no more, refuse those that wait, cancel what runs, and close the model."""
        self.gate.stop()
        self.shutdown()
        deadline = time.monotonic() + GRACE
        while self.gate.busy and time.monotonic() < deadline:
            self.model.cancel()
            time.sleep(0.05)
        self.model.close()
        self.server_close()
