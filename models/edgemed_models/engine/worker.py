"""The worker process: loads a model, answers requests, writes events to its output.

A second thread reads the input, so that a cancel is noticed while llama.cpp computes, and so that
the end of the input (the parent has ended) ends the process at once. Everything that libraries
print goes to stderr, which the client keeps as a log; no text of a request is ever written there.
"""

import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO

from edgemed_models.base import ModelError
from edgemed_models.engine import wire
from edgemed_models.engine.isolation import isolate
from edgemed_models.engine.library import LlamaFailure, functions, without_engine
from edgemed_models.engine.loaded import LoadedModel
from edgemed_models.engine.renderer import Renderer
from edgemed_models.engine.settings import EngineSettings


class Inbox:
    """The queue of requests; a cancel is not queued but sets the stop flag of its request."""

    def __init__(self, source: BinaryIO) -> None:
        self.waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.source = source
        self.lock = threading.Lock()
        self.stop: Any = None  # the stop flag of the loaded model
        self.running = self.cancelled = -1
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for data in self.source:
            message = wire.parse(data)
            if message["op"] == "cancel":
                self._cancel(message["id"])
            else:
                self.waiting.put(message)
        os._exit(0)

    def _cancel(self, number: int) -> None:
        with self.lock:
            self.cancelled = number
            if self.running == number and self.stop is not None:
                self.stop.set(True)

    def begin(self, number: int) -> None:
        """Request `number` starts; it may have been cancelled while it waited."""
        with self.lock:
            self.running = number
            if self.stop is not None:
                self.stop.set(self.cancelled == number)


class Service:
    """Answers each message to the worker process; holds the loaded model."""

    def __init__(self, inbox: Inbox, out: BinaryIO) -> None:
        self.inbox = inbox
        self.out = out
        self.model: LoadedModel | None = None
        self.renderer: Renderer | None = None  # started with the first model, as it takes a while

    def answer(self, message: dict[str, Any]) -> None:
        """Do what `message` asks; ends with exactly one line other than Prefill or Piece."""
        match message["op"]:
            case "load":
                self.tell({"loaded": self.load(EngineSettings(**message["settings"])).facts()})
            case "generate":
                self.loaded().generate(wire.request(message["request"]), self.out)
            case "generate many":
                self.loaded().generate_many(list(map(wire.request, message["requests"])), self.out)
            case "count":
                ids = self.loaded().encode(wire.messages(message["messages"]))
                self.tell({"tokens": len(ids)})
            case "encode":
                messages = wire.messages(message["messages"])
                before, added = self.loaded().ended(messages, message["answer"])
                self.tell({"prompt": before, "answer": added})
            case "score":
                messages = wire.messages(message["messages"])
                self.tell({"scores": self.loaded().score(messages, message["continuation"])})

            case "text ids":
                self.tell({"ids": self.loaded().text_ids(message["text"])})
            case "text scores":
                self.tell({"scores": self.loaded().text_scores(message["ids"])})
            case "text logits":
                self.loaded().text_logits(message["ids"], self.out)

    def tell(self, message: dict[str, Any]) -> None:
        """Write one line and flush it."""
        self.out.write(wire.line(message))
        self.out.flush()

    def load(self, settings: EngineSettings) -> LoadedModel:
        """Load a model in place of the current one."""
        if self.model is not None:
            self.model.free()
            self.model = self.inbox.stop = None
        self.renderer = self.renderer or Renderer()
        self.model = LoadedModel(settings, self.renderer)
        self.inbox.stop = self.model.stop
        return self.model

    def loaded(self) -> LoadedModel:
        """The loaded model; ModelError if there is none."""
        if self.model is None:
            raise ModelError("no model is loaded", "load one first")
        return self.model


def refusal(error: ModelError) -> dict[str, Any]:
    """An error as a message; `logged` if llama.cpp's log says more."""
    logged = isinstance(error, LlamaFailure)
    return {"refused": {"message": error.message, "hint": error.hint, "logged": logged}}


def where(error: Exception) -> str:
    """Type and place of an unexpected error, never its text, which could quote a note."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119


def serve(source: BinaryIO, out: BinaryIO) -> None:
    """Answer messages until the input ends."""
    inbox = Inbox(source)
    service = Service(inbox, out)
    while True:
        message = inbox.waiting.get()
        inbox.begin(message["id"])
        try:
            service.answer(message)
        except ModelError as error:
            service.tell(refusal(error))
        except Exception as error:  # the last handler of this process
            sys.stderr.write(where(error) + "\n")
            failure = ModelError(f"the engine failed: {where(error)}", "report this line")
            service.tell(refusal(failure))


# Compute threads wait for each other hundreds of times per token. Measured on two cores with 100
# million weights: if waiting threads sleep at once, an idle machine writes half as fast; if they
# keep spinning, as GNU OpenMP does by default, a busy machine writes several times slower. Spinning
# for about ten microseconds loses little in either case. The first variable is for other OpenMP
# libraries.
WAITING = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


def load_libraries() -> None:
    """Load the large libraries while the client still plans, llama.cpp first.

    A CUDA library with its own C++ runtime crashes the process if numpy was loaded before it.
    """
    without_engine()
    functions()
    from edgemed_models.engine import binding, loop  # noqa: F401


def main() -> None:
    """Reserve the real output for events, load the libraries, serve."""
    isolate(int(sys.argv[1]))
    for name, value in WAITING.items():
        os.environ.setdefault(name, value)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    load_libraries()
    serve(sys.stdin.buffer, out)


if __name__ == "__main__":
    main()
