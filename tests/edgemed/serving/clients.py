"""A server of a scripted model on a free port, and what asks it."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from edgemed_models.base import LanguageModel

from edgemed.serving.server import Server

TOKEN = "secret-token"
CHAT, TEXT, MODELS = "/v1/chat/completions", "/v1/completions", "/v1/models"


class Told(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def table(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The data of its server-sent events."""
        return [line[6:] for line in self.body.decode().split("\n\n") if line.startswith("data: ")]


class Client:
    """Asks one server."""

    def __init__(self, server: Server, lines: list[str]) -> None:
        self.server, self.lines = server, lines
        self.port = server.server_address[1]

    def ask(
        self,
        path: str,
        table: object = None,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Told:
        given = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
        body = data if data is not None else None if table is None else json.dumps(table).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {k: v for k, v in given.items() if v})
        response = connection.getresponse()
        told = Told(response.status, dict(response.getheaders()), response.read())
        connection.close()
        return told

    def chat(self, text: str = "Hello", **more: object) -> Told:
        return self.ask(CHAT, {"messages": [{"role": "user", "content": text}], **more})

    def text(self, prompt: object = "one two", **more: object) -> Told:
        return self.ask(TEXT, {"prompt": prompt, **more})

    def raw(self, data: bytes) -> socket.socket:
        """A connection on which `data` was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(data)
        return connection

    def begun(self, stream: bool = True, text: str = "Hello") -> socket.socket:
        """A connection on which a chat was asked for."""
        table = {"messages": [{"role": "user", "content": text}], "stream": stream}
        body = json.dumps(table).encode()
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return self.raw(head.encode() + body)


@contextmanager
def served(model: LanguageModel, queue: int = 8) -> Iterator[Client]:
    """A client of a server of `model`, which ends with the block."""
    lines: list[str] = []
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = Server(listening, model, TOKEN, queue, lines.append)
        server.begin()
        try:
            yield Client(server, lines)
        finally:
            server.end()


def soon(true: Any, seconds: float = 20.0) -> bool:
    """Whether `true()` comes true within some time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        threading.Event().wait(0.02)
    return True
