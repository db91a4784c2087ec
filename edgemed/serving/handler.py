"""One connection: its requests are checked, read, answered. No text of them is ever logged.

Checked in this order, each before the next is looked at: the head's size, Host, token, path,
method, the body's size, its JSON. A client has so many seconds to send a request; one that has
gone has its answer cancelled.
"""

import hmac
import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Generator
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from edgemed_models.answer import collect
from edgemed_models.base import Done, Event, Failed, ModelError, Piece, Prefill, Request

from edgemed.serving import replies
from edgemed.serving.bodies import READERS, BadRequest, ModelRequest, parsed
from edgemed.serving.gate import Full, Gone, Stopping
from edgemed.serving.replies import Reply
from edgemed.serving.stops import Stops, until

if TYPE_CHECKING:
    from edgemed.serving.server import Server

MOST_HEAD = 16 << 10  # bytes of the request line and all headers
MOST_BODY = 4 << 20  # bytes
REQUEST_SECONDS = 30.0  # for a whole request to come
SEND_SECONDS = 30.0  # for a client to take what is sent
MODELS = "/v1/models"
CHAT = "/v1/chat/completions"


class Head:
    """The lines of a request's head, no more than MOST_HEAD bytes together."""

    def __init__(self, source: BinaryIO) -> None:
        self.source, self.left = source, MOST_HEAD

    def readline(self, most: int = -1) -> bytes:
        """The next line. Raises LineTooLong, which http.server answers with 431."""
        line = self.source.readline(most)
        self.left -= len(line)
        if self.left < 0:
            raise http.client.LineTooLong("head")
        return line


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "edgemed", ""
    timeout = SEND_SECONDS
    server: "Server"
    status, began, replied = 0, 0.0, False

    def handle_one_request(self) -> None:
        """Read a request and answer it; close the connection of a client that is too slow."""
        self.clock = threading.Timer(REQUEST_SECONDS, self._hang_up)
        self.clock.daemon = True
        self.clock.start()
        try:
            super().handle_one_request()
        except OSError:  # the client has gone
            self.close_connection = True
        finally:
            self.clock.cancel()

    def _hang_up(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def parse_request(self) -> bool:
        """The head, within its size."""
        source = self.rfile
        self.rfile = cast(Any, Head(cast(BinaryIO, source)))
        try:
            return super().parse_request()
        finally:
            self.rfile = source

    def do_GET(self) -> None:
        """`/v1/models`."""
        self._answer({MODELS: self._models})

    def do_POST(self) -> None:
        """Answer chats and texts."""
        self._answer(dict.fromkeys(READERS, self._complete))

    def _answer(self, routes: dict[str, Any]) -> None:
        """Do what the path says, or say why not."""
        self.status, self.began, self.replied = 0, time.monotonic(), False
        known = self.path in (MODELS, *READERS)
        try:
            self._refuse_strangers()
            if not known:
                raise BadRequest("there is nothing at this path", 404)
            if self.path not in routes:
                raise BadRequest("this path takes another method", 405)
            routes[self.path]()
        except BadRequest as error:
            self._refuse(error.status, error.message, error.kind)
        except Full:
            self._refuse(429, "too many requests wait; try again", "rate_limit_error")
        except Stopping:
            self._refuse(503, "the server is stopping", "server_error")
        except ModelError as error:
            self._refuse(500, error.message, "server_error")
        except (Gone, OSError):
            self.close_connection = True
        self._tell(self.path if known else "-", time.monotonic() - self.began)

    def _refuse_strangers(self) -> None:
        """BadRequest unless the request came to this machine's own name, with the token."""
        if self.headers.get_all("Host", []) not in ([name] for name in self.server.names):
            raise BadRequest("the Host header names another machine", 403)
        given = self.headers.get_all("Authorization", [])
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        same = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self.server.secret)
        if scheme.lower() != "bearer" or not same:
            raise BadRequest("the token is missing or wrong", 401, "authentication_error")

    def _body(self) -> bytes:
        """The body, within its size and time."""
        sizes = self.headers.get_all("Content-Length", [])
        if self.headers.get("Transfer-Encoding") is not None or not sizes:
            raise BadRequest("give the Content-Length of the body", 411)
        if len(sizes) > 1 or not (sizes[0].isascii() and sizes[0].isdecimal()):
            raise BadRequest("the Content-Length is not a number")
        if len(sizes[0]) > 9 or int(sizes[0]) > MOST_BODY:
            raise BadRequest(f"the body has more than {MOST_BODY} bytes", 413)
        data = self.rfile.read(int(sizes[0]))
        if len(data) < int(sizes[0]):
            raise Gone
        self.clock.cancel()
        return data

    def _models(self) -> None:
        """The one model that is here."""
        row = {"id": self.server.model.name, "object": "model", "owned_by": "edgemed"}
        self._send(200, {"object": "list", "data": [{**row, "created": self.server.since}]})

    def _complete(self) -> None:
        """Read the request, wait for the model, answer."""
        asked = READERS[self.path](parsed(self._body()), self.server.model.name)
        with self.server.gate.turn(self._gone):
            if asked.stream:
                self._stream(asked)
            else:
                self._whole(asked)

    def _head(self) -> dict[str, Any]:
        """The fields that every part of an answer begins with."""
        kind = "chatcmpl" if self.path == CHAT else "cmpl"
        number = self.server.next_number()
        name = self.server.model.name
        return {"id": f"{kind}-{number}", "created": int(time.time()), "model": name}

    def _whole(self, asked: ModelRequest) -> None:
        """The answers to all requests, then one response."""
        found = []
        for request in asked.requests:
            reply = Reply(self.path == CHAT)
            with closing(self._events(request, asked.stops)) as events:
                collect(events, reply.hear, reply.answer)
            found.append(reply)
        scored = asked.requests[0].top is not None
        self._send(200, replies.whole(self._head(), self.path == CHAT, found, scored))

    def _stream(self, asked: ModelRequest) -> None:
        """The answer piece by piece. A failure before the first piece is an ordinary error."""
        head, chat, reply = self._head(), self.path == CHAT, Reply(self.path == CHAT)
        scored = asked.requests[0].top is not None

        def send(event: Event) -> None:
            if not isinstance(event, Prefill) and not self.replied:
                self._begin_stream(head, chat)
            if isinstance(event, Piece) and event.text:
                self.wfile.write(replies.chunk(head, chat, event, None, scored))
                self.wfile.flush()

        with closing(self._events(asked.requests[0], asked.stops)) as events:
            collect(events, send, reply.answer)
        self.wfile.write(replies.chunk(head, chat, None, reply.reason, scored) + replies.END)

    def _begin_stream(self, head: dict[str, Any], chat: bool) -> None:
        self._open(200, "text/event-stream", None)
        if chat:
            self.wfile.write(replies.opening(head))

    def _events(self, request: Request, stops: tuple[str, ...]) -> Generator[Event, None, None]:
        """The events of an answer up to a stop; Gone, Stopping or an error in their place.

        Closing it cancels what runs.
        """
        if self.server.gate.stopping:
            raise Stopping
        made = cast(Generator[Event, None, None], self.server.model.generate(request))
        with closing(made):
            for event in until(made, Stops(stops)):
                if self._gone():
                    raise Gone
                if isinstance(event, Failed):
                    alive = getattr(self.server.model, "pid", 0) is not None
                    raise BadRequest(event.message, 400 if alive else 500)
                if isinstance(event, Done) and event.reason == "cancelled":
                    raise Stopping
                yield event

    def _gone(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            if not select.select([self.connection], [], [], 0)[0]:
                return False
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _send(self, status: int, table: dict[str, Any]) -> None:
        """A whole response."""
        data = json.dumps(table).encode()
        self._open(status, "application/json", len(data))
        self.wfile.write(data)

    def _open(self, status: int, kind: str, size: int | None) -> None:
        """The head of a response; without a size the connection ends with it."""
        self.status, self.replied = status, True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if status == 429:
            self.send_header("Retry-After", "1")
        if size is None or status >= 400:  # the rest of a refused request is not read
            self.close_connection = True
            self.send_header("Connection", "close")
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()

    def _refuse(self, status: int, message: str, kind: str) -> None:
        """An error; within a stream it is the last event."""
        table = replies.error(message, kind)
        try:
            if self.replied:
                self.wfile.write(replies.event(table))
            else:
                self._send(status, table)
        except OSError:
            self.close_connection = True
        self.status = status

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses: the same form, nothing of the request quoted."""
        if not hasattr(self, "request_version"):
            self.request_version = self.protocol_version
        self._refuse(int(code), HTTPStatus(code).phrase, "invalid_request_error")
        self._tell("-", 0.0)

    def _tell(self, path: str, seconds: float) -> None:
        """A line for an answer: its status (0: the client went), one of our paths, how long."""
        self.server.tell(f"{self.status} {path} {seconds:.2f} s")

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a path or a header may hold what nobody else should read."""
