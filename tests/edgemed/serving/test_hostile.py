"""Strangers, malformed and oversized requests, slow and vanishing clients, a full queue, an end."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from edgemed_models.base import Done, Event, Request
from edgemed_models.fake import ScriptedModel

from edgemed.serving import handler
from tests.edgemed.serving.clients import CHAT, MODELS, TOKEN, Client, served, soon

SECRET = "Mrs Zyxwvut has a fever"


class Watched(ScriptedModel):
    """Keeps how its answers ended, also where nobody listens any more."""

    ends: list[str]

    def generate(self, request: Request) -> Iterator[Event]:
        ended = "left"
        try:
            for event in super().generate(request):
                if isinstance(event, Done):
                    ended = event.reason
                yield event
        finally:
            self.ends.append(ended)


def watched(script: Sequence[str] = ("It ", "is ", "fine."), delay: float = 0.0) -> Watched:
    model = Watched(script, delay=delay)
    model.ends = []
    return model


@pytest.fixture
def client() -> Iterator[Client]:
    with served(watched()) as client:
        yield client


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    data = b""
    with connection:
        while more := connection.recv(1 << 16):
            data += more
    return data


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \xe9"],
)
def test_without_the_token_nothing_is_told(client: Client, given: str) -> None:
    for path, method in ((CHAT, "POST"), (MODELS, "GET"), ("/nothing", "GET")):
        told = client.ask(path, {}, method, {"Authorization": given})
        assert told.status == 401 and told.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "[::1]:80"])
def test_a_foreign_host_is_refused_before_the_token(client: Client, host: str) -> None:
    told = client.ask(CHAT, {}, headers={"Host": host, "Authorization": ""})
    assert told.status == 403


def test_two_hosts_or_none_are_refused(client: Client) -> None:
    own = f"Host: 127.0.0.1:{client.port}\r\n"
    for hosts in ("", own + "Host: evil.example\r\n"):
        head = f"GET {MODELS} HTTP/1.1\r\n{hosts}Authorization: Bearer {TOKEN}\r\n\r\n"
        assert b" 403 " in answer(client.raw(head.encode())).split(b"\r\n")[0]
    head = (
        f"GET {MODELS} HTTP/1.1\r\n{own}Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    )
    assert b" 200 " in answer(client.raw(head.encode())).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 404),
        ("/v1/chat/completions/../models", "GET", 404),
        (f"{MODELS}?a=1", "GET", 404),
        (MODELS, "POST", 405),
        (CHAT, "GET", 405),
        (CHAT, "OPTIONS", 501),
        (CHAT, "DELETE", 501),
    ],
)
def test_other_paths_and_methods(client: Client, path: str, method: str, status: int) -> None:
    told = client.ask(path, {}, method, {"Origin": "http://evil.example"})
    assert told.status == status
    assert not [name for name in told.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"5", b'"a"', b"\xff\xfe", b'{"temperature": NaN}', b"[" * 100_000, b"{}"],
    ids=range(9),
)
def test_a_body_that_is_no_request_is_400(client: Client, data: bytes) -> None:
    assert client.ask(CHAT, data=data).status == 400


@pytest.mark.parametrize(
    ("size", "status"),
    [
        (f"{handler.MOST_BODY + 1}", 413),
        ("9" * 5000, 413),
        ("-1", 400),
        ("1e3", 400),
        ("٣", 400),
    ],
)
def test_sizes(client: Client, size: str, status: int) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {size}\r\n\r\n"
    )
    assert f" {status} ".encode() in answer(client.raw(head.encode())).split(b"\r\n")[0]


@pytest.mark.parametrize("more", ["", "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n"])
def test_a_body_without_a_length_is_refused(client: Client, more: str) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
        f"Authorization: Bearer {TOKEN}\r\n{more}\r\n"
    )
    assert b" 411 " in answer(client.raw(head.encode())).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: x\r\n" % n for n in range(200)) + b"\r\n",
    ],
    ids=["one long line", "many lines"],
)
def test_a_head_that_is_too_large_is_431(client: Client, head: bytes) -> None:
    assert b" 431 " in answer(client.raw(head)).split(b"\r\n")[0]


@pytest.mark.parametrize(
    "head", [b"\r\n", b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n", b"GET /\r\n"]
)
def test_what_is_no_http_ends_the_connection(client: Client, head: bytes) -> None:
    connection = client.raw(head)
    connection.shutdown(socket.SHUT_WR)
    answer(connection)
    assert client.chat().status == 200


def test_a_client_that_sends_slowly_is_hung_up_on_and_holds_up_nobody(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "REQUEST_SECONDS", 2.0)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
    slow = client.raw(head.encode())
    body = client.raw(
        f"{head}Authorization: Bearer {TOKEN}\r\nContent-Length: 100\r\n\r\n{{".encode()
    )
    assert client.chat().status == 200
    assert answer(slow) == answer(body) == b""


def test_a_client_that_goes_has_its_stream_cancelled() -> None:
    model = watched(["word "] * 1000, delay=0.02)
    with served(model) as client:
        connection = client.begun()
        assert connection.recv(1 << 12)
        connection.close()
        assert soon(lambda: model.ends == ["left"])
        model.script = ["fine"]
        assert client.chat().status == 200


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_before_the_first_word_is_noticed(stream: bool) -> None:
    model = watched(["word "] * 1000, delay=0.1)
    with served(model) as client:
        connection = client.begun(stream)
        assert soon(lambda: client.server.gate.busy)
        connection.close()
        assert soon(lambda: model.ends == ["left"])


def test_a_full_queue_turns_away_and_who_waits_is_answered() -> None:
    model = watched(["word "] * 12, delay=0.1)
    with served(model, queue=1) as client:
        first = client.begun()
        assert soon(lambda: client.server.gate.busy)
        second = threading.Thread(target=lambda: found.append(client.chat().status))
        found: list[int] = []
        second.start()
        assert soon(lambda: len(client.server.gate._line) == 2)
        full = client.chat()
        assert full.status == 429 and full.headers["Retry-After"] == "1"
        assert client.ask(MODELS, method="GET").status == 200
        assert answer(first).endswith(b"data: [DONE]\n\n")
        second.join(30)
        assert found == [200]


def test_who_waits_and_goes_leaves_the_queue() -> None:
    model = watched(["word "] * 60, delay=0.1)
    with served(model) as client:
        first = client.begun()
        assert soon(lambda: client.server.gate.busy)
        second = client.begun()
        assert soon(lambda: len(client.server.gate._line) == 2)
        second.close()
        assert soon(lambda: len(client.server.gate._line) == 1)
        first.close()


def test_the_end_cancels_what_runs_and_turns_away_what_waits() -> None:
    model = watched(["word "] * 1000, delay=0.05)
    with served(model) as client:
        streaming = client.begun()
        assert streaming.recv(1 << 12)
        waiting = client.begun(stream=False)
        assert soon(lambda: len(client.server.gate._line) == 2)
        began = time.monotonic()
        client.server.end()
        assert time.monotonic() - began < 5
        assert b"the server is stopping" in answer(streaming)
        assert b" 503 " in answer(waiting).split(b"\r\n")[0]
        assert model.closed and model.ends == ["cancelled"]


def test_an_engine_that_breaks_off_is_an_error_whole_or_in_a_stream() -> None:
    with served(ScriptedModel(["a", "b"], fail_after=0)) as client:
        assert client.chat().status == client.chat(stream=True).status == 400
    with served(ScriptedModel(["a", "b"], fail_after=1)) as client:
        told = client.chat(stream=True)
        assert told.status == 200 and "model process ended" in told.events[-1]


def test_no_text_of_a_request_is_told(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Request) -> Sequence[str]:
        raise RuntimeError(request.messages[0].content)

    with served(ScriptedModel(broken)) as client:
        with pytest.raises(OSError):
            client.chat(SECRET).status  # noqa: B018
        assert client.ask(f"/{SECRET.replace(' ', '-')}", {}).status == 404
        assert client.ask(CHAT, data=SECRET.encode()).status == 400
        answer(client.raw(f"{SECRET}\r\n\r\n".encode()))
        assert client.chat(SECRET, temperature=SECRET).status == 400
        told = "\n".join(client.lines)
    captured = capfd.readouterr()
    assert "Zyxwvut" not in told + captured.out + captured.err
    assert "internal error: RuntimeError in test_hostile.py" in told


def test_connections_beyond_the_most_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from edgemed.serving import server

    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    with served(watched()) as client:
        held = [client.raw(b"GET") for _ in range(3)]
        assert soon(lambda: not client.server._places._value)
        more = client.raw(b"")
        assert answer(more) == b""
        for connection in held:
            connection.close()
        assert soon(lambda: client.server._places._value == 3)
        assert client.chat().status == 200
