"""The model as the rest of edgemed sees it: a handle on a worker process that may die.

If the worker dies (an abort inside llama.cpp, the kernel's out-of-memory killer, a driver crash),
the running request ends with a Failed event and the last log lines. The caller keeps its request,
and the next request starts a new worker.
"""

import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed_models.base import (
    Done,
    Event,
    Failed,
    Message,
    ModelError,
    Piece,
    Prefill,
    Request,
    Timings,
)
from edgemed_models.engine import wire
from edgemed_models.engine.process import Process, WorkerDied, hint_for, how_it_ended
from edgemed_models.engine.settings import EngineSettings

if TYPE_CHECKING:
    from edgemed_models.reading import F32

SHOWN_LINES = 12
ENDINGS = (Done, Failed)
GRACE = 0.8  # seconds that a cancelled worker has to stop by itself before it is killed

Ready = Callable[[EngineSettings], AbstractContextManager[EngineSettings]]


class LlamaModel:
    """A GGUF model run by llama.cpp in its own process; follows the LanguageModel protocol."""

    def __init__(
        self, settings: EngineSettings, process: Process | None = None, ready: Ready = nullcontext
    ) -> None:
        """Load the model in `process`, or in a new one.

        A process that was started ahead saves time; a model that it had loaded is replaced.
        `ready` gives the settings each time a worker loads the model; files that it made for them
        may be removed after loading. Raises ModelError, with log lines, if loading fails.
        """
        self.settings = settings
        self._ready = ready
        self.facts: dict[str, Any] = {}
        self._process: Process | None = None
        self._busy = threading.Lock()
        self._guard = threading.Lock()
        self._number = 0
        self._active: int | None = None
        self._cancelled = False
        self._load(process if process and process.alive() else Process())

    @property
    def name(self) -> str:
        """The model file's name without its ending."""
        return Path(self.settings.path).stem

    @property
    def context(self) -> int:
        """Tokens that fit, prompt and answer together."""
        return self.settings.context

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines that the current worker logged."""
        return tuple(self._process.log) if self._process else ()

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._process.child.pid if self._process and self._process.alive() else None

    def _worker(self) -> Process:
        """The running worker, or a new one with the model loaded."""
        if self._process is not None and self._process.alive():
            return self._process
        if self._process is not None:
            self._process.end()
        return self._load(Process())

    def _load(self, process: Process) -> Process:
        """Make a worker load the model."""
        self._process = process
        try:
            with self._ready(self.settings) as settings:
                process.send({"op": "load", "settings": asdict(settings), "id": 0})
                message = process.receive()
        except WorkerDied:
            raise self._death("while the model was loaded") from None
        except ModelError:
            self._drop()
            raise
        if "refused" in message:
            process.thread.join(GRACE)
            log = tuple(process.log)[-SHOWN_LINES:]
            self._drop()
            raise refused(message, log)
        self.facts = message["loaded"]
        return process

    def _drop(self) -> int:
        """End the current worker; returns its exit code."""
        process, self._process = self._process, None
        return process.end() if process else 0

    def _death(self, when: str) -> ModelError:
        """The worker's death as an error, with its last log lines."""
        process = self._process
        code = self._drop()
        log = tuple(process.log)[-SHOWN_LINES:] if process else ()
        return ModelError(f"the model process {how_it_ended(code)} {when}", hint_for(code), log)

    def generate(self, request: Request) -> Iterator[Event]:
        """Events of one request; if the worker dies they end with Failed, never an exception.

        Nothing runs before the first event is asked for. If the caller stops iterating, the
        request is cancelled.
        """
        question = {"op": "generate", "request": wire.request_table(request)}
        with closing(self._streams(question, 1)) as stream:
            for _, event in stream:
                yield event

    def generate_many(
        self, requests: Sequence[Request]
    ) -> Generator[tuple[int, Event], None, None]:
        """Events of all `requests`, each with the number of its request, as in `generate`.

        As many are answered at once as the settings have `sequences`.
        """
        question = {"op": "generate many", "requests": list(map(wire.request_table, requests))}
        with closing(self._streams(question, len(requests))) as stream:
            yield from stream

    def _streams(
        self, question: dict[str, Any], count: int
    ) -> Generator[tuple[int, Event], None, None]:
        """The events of the `count` requests in a question; each ends with Done or Failed."""
        if not count:
            return
        self._claim()
        open_ = {number: Sent() for number in range(count)}
        try:
            message = self._first(question)
            while True:
                for number, event in self._events(message, open_):
                    open_[number].note(event)
                    if isinstance(event, ENDINGS):
                        del open_[number]
                    yield number, event
                if not open_:
                    return
                message = self._present().receive()
        except WorkerDied:
            ends = self._endings(open_)
            open_ = {}
            yield from ends
        except ModelError as error:
            left, open_ = open_, {}
            for number in left:
                yield number, Failed(error.message, error.hint, error.log)
        finally:
            if open_:
                self._abandon(set(open_))
            self._release()

    def _claim(self) -> None:
        if not self._busy.acquire(blocking=False):
            raise ModelError("the model is answering another request", "wait for it or cancel it")
        with self._guard:
            self._number += 1
            self._active, self._cancelled = self._number, False

    def _release(self) -> None:
        with self._guard:
            self._active = None
        self._busy.release()

    def _first(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask; returns the first line of the answer. A worker that died while idle is replaced."""
        fresh = self._process is None
        while True:
            process = self._worker()
            process.send({**question, "id": self._number})
            if self._cancelled:  # while the model was being loaded
                self._tell_cancel(process)
            try:
                return process.receive()
            except WorkerDied:
                if fresh or self._cancelled:
                    raise
                fresh = True
                self._drop()

    def _present(self) -> Process:
        """The worker that answers; WorkerDied if `close` has ended it."""
        if self._process is None:
            raise WorkerDied
        return self._process

    def _abandon(self, left: set[int]) -> None:
        """Stop requests whose caller no longer listens, and skip their remaining events."""
        self.cancel()
        try:
            while left:
                told = self._events(self._present().receive(), left)
                left -= {number for number, event in told if isinstance(event, ENDINGS)}
        except WorkerDied:
            self._drop()

    def _events(self, message: dict[str, Any], left: Collection[int]) -> list[tuple[int, Event]]:
        """The event in a line, for one request or, if all are refused, for each one left."""
        if (event := wire.event(message)) is not None:
            return [(message.get("at", 0), event)]
        error = refused(message, self.log[-SHOWN_LINES:])
        return [(number, Failed(error.message, error.hint, error.log)) for number in left]

    def _endings(self, left: dict[int, "Sent"]) -> list[tuple[int, Event]]:
        """The last events of streams whose worker is dead: cancelled, or failed with the reason."""
        if self._cancelled:
            self._drop()
            return [(number, Done("cancelled", left[number].timings())) for number in left]
        error = self._death("while it was answering")
        return [(number, Failed(error.message, error.hint, error.log)) for number in left]

    def cancel(self) -> None:
        """Stop the running request; a worker that does not stop in time is killed."""
        with self._guard:
            process, number = self._process, self._active
            if number is None or self._cancelled:
                return
            self._cancelled = True
        if process is not None:
            self._tell_cancel(process)
            timer = threading.Timer(GRACE, self._kill_if_still, (process, number))
            timer.daemon = True
            timer.start()

    def _tell_cancel(self, process: Process) -> None:
        process.send({"op": "cancel", "id": self._active})

    def _kill_if_still(self, process: Process, number: int) -> None:
        with self._guard:
            if self._active == number and process.alive():
                process.child.kill()

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered prompt. Raises ModelError if it cannot be rendered."""
        message = {"op": "count", "messages": [asdict(m) for m in messages]}
        return int(self._ask(message)["tokens"])

    def encode(self, messages: Sequence[Message], answer: str) -> tuple[list[int], list[int]]:
        """Ids of the rendered prompt, and of `answer` with the token that ends a turn."""
        message = {"op": "encode", "messages": [asdict(m) for m in messages], "answer": answer}
        told = self._ask(message)
        return told["prompt"], told["answer"]

    def score(self, messages: Sequence[Message], continuation: str) -> list[float]:
        """Natural-log probability of each token of `continuation` after the prompt."""
        message = {
            "op": "score",
            "messages": [asdict(m) for m in messages],
            "continuation": continuation,
        }
        return [float(value) for value in self._ask(message)["scores"]]

    def text_ids(self, text: str) -> list[int]:
        """Ids of a plain text, after the begin-of-text token if the model has one."""
        return [int(n) for n in self._ask({"op": "text ids", "text": text})["ids"]]

    def text_scores(self, ids: Sequence[int]) -> list[float]:
        """Natural-log probability of each id after those before it, from the second on."""
        told = self._ask({"op": "text scores", "ids": list(ids)})
        return [float(value) for value in told["scores"]]

    def text_logits(self, ids: Sequence[int]) -> "Iterator[F32]":
        """Logits after every id but the last, f32 [some, vocabulary], a few rows at a time.

        Take all of them: a stream that is left early ends the worker, and the next request starts
        another. Raises ModelError where the engine breaks off.
        """
        self._claim()
        ended = False
        try:
            message = self._first({"op": "text logits", "ids": list(ids)})
            while "rows" in message:
                yield wire.unpacked(message["rows"])
                message = self._present().receive()
            ended = True
        except WorkerDied:
            ended = True
            raise self._death("while it was reading") from None
        finally:
            if not ended:
                self._drop()
            self._release()
        if "refused" in message:
            raise refused(message, self.log[-SHOWN_LINES:])

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer; ModelError if it was cancelled."""
        self._claim()
        try:
            answer = self._first(message)
        except WorkerDied:
            death = self._death("while it was answering")
            if not self._cancelled:
                raise death from None
        finally:
            self._release()
        if self._cancelled:  # a worker that did not stop in time was killed for it
            raise ModelError("the request was cancelled", "ask again")
        if "refused" in answer:
            raise refused(answer, self.log[-SHOWN_LINES:])
        return answer

    def close(self) -> None:
        """End the worker and any running request; safe to call twice."""
        with self._guard:
            self._cancelled = True
        self._drop()


class Sent:
    """What a stream has sent so far, for the timings if it ends without any."""

    def __init__(self) -> None:
        self.read = Prefill(0, 0, 0.0)
        self.tokens = 0

    def note(self, event: Event) -> None:
        """Remember `event`."""
        if isinstance(event, Prefill):
            self.read = event
        if isinstance(event, Piece):
            self.tokens += event.tokens

    def timings(self) -> Timings:
        """The timings as far as known; the time for writing is not."""
        read = self.read
        return Timings(read.done, read.seconds, self.tokens, 0.0, read.kept)


def refused(message: dict[str, Any], log: tuple[str, ...]) -> ModelError:
    """The worker's refusal as an error, with `log` if llama.cpp was the cause."""
    told = message["refused"]
    return ModelError(told["message"], told["hint"], log if told["logged"] else ())
