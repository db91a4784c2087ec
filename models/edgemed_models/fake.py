"""A language model that gives scripted answers: for tests of everything above the engine.

It follows the whole protocol (prefill, pieces, one ending, cancel from any thread) and needs no
file, no process and no llama.cpp.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from edgemed_models.base import (
    Done,
    Event,
    Failed,
    Message,
    Piece,
    Prefill,
    Request,
    Scored,
    StopReason,
    Timings,
)

PREFILL_STEPS = 4

Script = Sequence[str] | Callable[[Request], Sequence[str]]
Scorer = Callable[[Sequence[Message], str], list[float]]


def words(text: str) -> int:
    """The number of words, which are the fake's tokens."""
    return len(text.split())


def one_nat_per_word(messages: Sequence[Message], continuation: str) -> list[float]:
    """-1.0 for each word of `continuation`, whatever came before."""
    return [-1.0] * words(continuation)


@dataclass(slots=True)
class ScriptedModel:
    """Gives `script` piece by piece, `delay` seconds before each, after a prefill in four steps.

    `fail_after` makes the engine fail after that many pieces (0: during prefill). Every request is
    kept in `requests`, so that a test can check what was asked.
    """

    script: Script = ()
    delay: float = 0.0
    fail_after: int | None = None
    reason: StopReason = "stop"
    scorer: Scorer = one_nat_per_word
    name: str = "scripted"
    context: int = 4096
    requests: list[Request] = field(default_factory=list)
    closed: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)

    def count(self, messages: Sequence[Message]) -> int:
        """Words of all messages, and one per message for its place in a chat template."""
        return sum(1 + words(message.content) for message in messages)

    def generate(self, request: Request) -> Iterator[Event]:
        """The script as events; a request longer than `context` fails as with the real engine."""
        self._stop.clear()
        self.requests.append(request)
        return self._events(request)

    def generate_many(
        self, requests: Sequence[Request]
    ) -> Generator[tuple[int, Event], None, None]:
        """The scripts of all `requests`, an event of each in turn."""
        self._stop.clear()
        self.requests += requests
        streams = {number: self._events(request) for number, request in enumerate(requests)}
        while streams:
            for number, stream in list(streams.items()):
                if (event := next(stream, None)) is None:
                    del streams[number]
                else:
                    yield number, event

    def _events(self, request: Request) -> Iterator[Event]:
        pieces = self.script(request) if callable(self.script) else self.script
        start, total, sent = time.perf_counter(), self.count(request.messages), 0
        for step in range(1, PREFILL_STEPS + 1):
            if self._paused():
                yield Done("cancelled", self._timings(start, total * (step - 1) // 4, start, 0))
                return
            yield Prefill(total * step // PREFILL_STEPS, total, time.perf_counter() - start)
        read = time.perf_counter()
        if request.echo:
            text = "".join(message.content for message in request.messages)
            yield Piece(text, 0, self._scores(text, 0, request.top))
        for piece in pieces[: request.max_tokens]:
            if sent == self.fail_after:
                break
            if self._paused():
                yield Done("cancelled", self._timings(start, total, read, sent))
                return
            sent += 1
            yield Piece(piece, 1, self._scores(piece, 0, request.top))
        if sent == self.fail_after:
            yield Failed("the model process ended (signal 9)", "ask again", ("last log line",))
            return
        cut = len(pieces) > request.max_tokens
        yield Done("length" if cut else self.reason, self._timings(start, total, read, sent))

    @staticmethod
    def _scores(text: str, offset: int, top: int | None) -> tuple[Scored, ...]:
        """A token for every word, each as likely as `one_nat_per_word` says."""
        if top is None:
            return ()
        return tuple(Scored(w, offset, -1.0, ((w, -1.0),)[:top]) for w in text.split())

    def _paused(self) -> bool:
        """Wait `delay` seconds; true if the request was cancelled before or during that time."""
        return self._stop.wait(self.delay)

    def _timings(self, start: float, prompt: int, read: float, sent: int) -> Timings:
        end = time.perf_counter()
        return Timings(prompt, max(read - start, 0.0), sent, end - read)

    def cancel(self) -> None:
        """End the running request at its next step."""
        self._stop.set()

    def score(self, messages: Sequence[Message], continuation: str) -> list[float]:
        """The result of `scorer`."""
        return self.scorer(messages, continuation)

    def close(self) -> None:
        """Nothing to free; remembered in `closed`."""
        self.closed = True
