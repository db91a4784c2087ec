"""The child process: reads requests from its input, runs llama.cpp, writes events to its output.

A second thread reads the input, so that a cancel is seen while llama.cpp computes and the end of
the input (the parent is gone) ends the process at once. All that libraries print goes to the
error stream, which the client keeps as a log; no text of a request is ever put there.
"""

import os
import queue
import sys
import threading
import time
import traceback
from typing import Any, BinaryIO

from edgemed_models.base import Message, ModelError, Piece, Request
from edgemed_models.engine import wire
from edgemed_models.engine.isolation import isolate
from edgemed_models.engine.settings import Settings

OFTEN = 0.01  # seconds: more pieces than this are sent together, for each send wakes the client
PAD = 256  # llama.cpp rounds contexts up to this many tokens


class Inbox:
    """Requests as they come; a cancel is not queued but sets the stop flag of its request."""

    def __init__(self, source: BinaryIO) -> None:
        self.waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.source = source
        self.lock = threading.Lock()
        self.stop: Any = None
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
            self.stop.set(self.cancelled == number)


class Worker:
    """One loaded model and its context, which grows to what a request needs."""

    def __init__(self, settings: Settings) -> None:
        from edgemed_models.engine import binding

        self.binding = binding
        self.settings = settings
        self.stop = binding.StopFlag()
        self.weights = binding.Weights(settings)
        self.template = settings.chat_template or self.weights.template()
        self.context: binding.Context | None = None

    def facts(self) -> dict[str, Any]:
        """What the client wants to know once the model is loaded."""
        return {
            "train_context": self.weights.train_context,
            "has_template": self.template is not None,
            "vocabulary": self.weights.n_vocab,
        }

    def encode(self, messages: tuple[Message, ...], answer: str = "") -> list[int]:
        """Ids of the rendered prompt, `answer` as literal text behind it."""
        from edgemed_models.engine.encoding import encode
        from edgemed_models.engine.prompt import Segment, segments

        if self.template is None:
            raise ModelError(
                "the model file has no chat template",
                "give the one its makers publish with --chat-template FILE",
            )
        pieces = segments(self.template, messages, self.weights.bos_text, self.weights.eos_text)
        return encode(self.weights, pieces + [Segment(answer, True)] * bool(answer))

    def room(self, tokens: int) -> Any:
        """A context for `tokens`, the present one if it is large enough."""
        if tokens > self.settings.context:
            raise ModelError(
                f"prompt and answer take {tokens} tokens, the context has {self.settings.context}",
                "give a shorter text or a larger --context",
            )
        size = min(-(-tokens // PAD) * PAD, self.settings.context)
        if self.context is None or self.context.size < size:
            if self.context is not None:
                self.context.free()
                self.context = None
            self.context = self.binding.Context(self.weights, self.settings, size, self.stop)
        return self.context

    def generate(self, request: Request, out: BinaryIO) -> None:
        """Write the events of `request` as they come."""
        from edgemed_models.engine import loop

        grammar = request.grammar
        if request.schema is not None:
            grammar = self.binding.gbnf_of(request.schema)
        prompt = self.encode(request.messages)
        context = self.room(len(prompt) + request.max_tokens)
        sampler = self.binding.Sampler(self.weights, request.temperature, request.seed, grammar)
        try:
            flushed = 0.0
            for event in loop.generate(self.weights, context, sampler, prompt, request.max_tokens):
                out.write(wire.event_line(event))
                now = time.monotonic()
                if now - flushed > OFTEN or not isinstance(event, Piece):
                    out.flush()
                    flushed = now
        finally:
            sampler.free()

    def score(self, messages: tuple[Message, ...], answer: str) -> list[float]:
        """Log-probabilities of the ids that `answer` adds to the prompt."""
        from edgemed_models.engine import loop

        if not answer:
            return []
        before, whole = self.encode(messages), self.encode(messages, answer)
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b),
            min(len(before), len(whole)),
        )
        return loop.score(self.room(len(whole)), whole[:shared], whole[shared:])


def answer(worker: Worker, message: dict[str, Any], out: BinaryIO) -> None:
    """Do what `message` asks; the answer ends with exactly one line that is no Prefill or Piece."""
    match message["op"]:
        case "generate":
            worker.generate(wire.request(message["request"]), out)
        case "count":
            ids = worker.encode(wire.messages(message["messages"]))
            out.write(wire.line({"tokens": len(ids)}))
        case "score":
            found = worker.score(wire.messages(message["messages"]), message["continuation"])
            out.write(wire.line({"scores": found}))
    out.flush()


def refusal(error: ModelError) -> bytes:
    """A refusal as a line; `logged` when llama.cpp's log tells more."""
    from edgemed_models.engine.binding import LlamaFailure

    logged = isinstance(error, LlamaFailure)
    return wire.line({"refused": {"message": error.message, "hint": error.hint, "logged": logged}})


def where(error: Exception) -> str:
    """Kind and place of an unforeseen error, never its text: that could quote a note."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119


def serve(settings: Settings, source: BinaryIO, out: BinaryIO) -> None:
    """Load, say so, then answer requests until the input ends."""
    inbox = Inbox(source)
    try:
        worker = Worker(settings)
    except ModelError as error:
        out.write(refusal(error))
        out.flush()
        return
    inbox.stop = worker.stop
    out.write(wire.line({"loaded": worker.facts()}))
    out.flush()
    while True:
        message = inbox.waiting.get()
        inbox.begin(message["id"])
        try:
            answer(worker, message, out)
        except ModelError as error:
            out.write(refusal(error))
            out.flush()
        except Exception as error:  # the outermost edge of this process
            sys.stderr.write(where(error) + "\n")
            out.write(refusal(ModelError(f"the engine failed: {where(error)}", "report this line")))
            out.flush()


def main() -> None:
    """Take the first input line as settings; keep the real output for events alone."""
    isolate(int(sys.argv[1]))
    # Threads that wait by spinning starve each other when anything else runs on the same cores:
    # on two busy cores, waiting in the kernel made generation 5 to 30 times faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from edgemed_models.engine import loop  # noqa: F401  while the client still plans

    source = sys.stdin.buffer
    serve(Settings(**wire.parse(source.readline())), source, out)


if __name__ == "__main__":
    main()
