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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from edgemed_models.base import Event, Failed, Message, ModelError, Request
from edgemed_models.engine import wire
from edgemed_models.engine.isolation import isolate
from edgemed_models.engine.library import LlamaFailure, functions, without_engine
from edgemed_models.engine.renderer import Renderer
from edgemed_models.engine.settings import Settings

if TYPE_CHECKING:
    from edgemed_models.engine.context import Context
    from edgemed_models.engine.many import Ask
    from edgemed_models.engine.prompt import Segment
    from edgemed_models.engine.sampling import Sampler
    from edgemed_models.engine.sequences import Sequences

PAD = 256  # llama.cpp rounds contexts up to this many tokens
FIXED_TEXT = "The patient was seen today. He has been well since the last visit, and takes"
"""What a model is asked with and without an adapter."""
SPARE = 1536  # extra tokens, so that a further question about the same text can reuse the cache


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


class Worker:
    """One loaded model and its context, which grows to what a request needs."""

    def __init__(self, settings: Settings, renderer: Renderer) -> None:
        from edgemed_models.engine import binding, weights

        self.renderer = renderer
        self.settings = settings
        self.stop = binding.StopFlag()
        self.weights = weights.Weights(settings)
        self.template = settings.chat_template or self.weights.template()
        self.context: Context | None = None
        self.adapters = weights.Adapters(self.weights, settings)
        if self.adapters.names:
            self._refuse_idle()

    def _new_context(self, size: int) -> "Context":
        from edgemed_models.engine.context import Context

        return Context(self.weights, self.settings, size, self.stop)

    def _refuse_idle(self) -> None:
        """ModelError if an adapter leaves the answer to a fixed text as it is without it."""
        text = self.weights.tokenize(FIXED_TEXT, special=False)[: PAD // 2]
        context = self._new_context(PAD)
        try:
            bare = self._answer(context, text, ())
            for number, name in enumerate(self.adapters.names):
                same = self._answer(context, text, (number,)) == bare
                if self.adapters.strengths[number] and same:
                    raise ModelError(
                        f"with the adapter {name} the model computes what it does without it",
                        "the adapter is empty, or llama.cpp passes over it: fold it instead",
                    )
        finally:
            context.free()

    def _answer(self, context: Any, text: list[int], adapters: tuple[int, ...]) -> bytes:
        """The logits behind `text` with these adapters, f32[vocabulary] as bytes."""
        self.adapters.put_on(context, adapters)
        context.clear()
        size = context.batch_size
        for at in range(0, len(text), size):
            context.decode(text[at : at + size], at, 1)
        return bytes(context.logits(-1).tobytes())

    def free(self) -> None:
        """Free all native memory."""
        if self.context is not None:
            self.context.free()
        self.weights.free()

    def facts(self) -> dict[str, Any]:
        """Facts about the loaded model for the client."""
        return {
            "train_context": self.weights.train_context,
            "has_template": self.template is not None,
            "vocabulary": self.weights.n_vocab,
        }

    def pieces(self, messages: tuple[Message, ...]) -> "list[Segment]":
        """The rendered prompt in pieces."""
        from edgemed_models.engine.prompt import segments

        if self.template is None:
            raise ModelError(
                "the model file has no chat template",
                "give the chat template that its makers publish",
            )
        names, render = (self.weights.bos_text, self.weights.eos_text), self.renderer.render
        return segments(self.template, messages, *names, render)

    def encode(self, messages: tuple[Message, ...], answer: str = "") -> list[int]:
        """Ids of the rendered prompt, with `answer` after it as literal text."""
        from edgemed_models.engine.encoding import encode
        from edgemed_models.engine.prompt import Segment

        added = [Segment(answer, True)] if answer else []
        return encode(self.weights, [*self.pieces(messages), *added])

    def encode_shared(self, request: Request) -> tuple[list[int], int]:
        """Ids of a request's prompt, and how many of them later requests begin with too."""
        from edgemed_models.engine.encoding import encode, shared

        if request.plain:
            return self.encode_plain(request), 0
        pieces = self.pieces(request.messages)
        ids = encode(self.weights, pieces)
        return ids, shared(self.weights, pieces, request.shared, ids)

    def encode_plain(self, request: Request) -> list[int]:
        """Ids of a text that is continued as it stands."""
        from edgemed_models.engine.encoding import encode
        from edgemed_models.engine.prompt import Segment

        text = "".join(message.content for message in request.messages)
        ids = list(request.ids) or encode(self.weights, [Segment(text, True)])
        if not ids:
            raise ModelError("the text is empty, and this model needs one", "give a text")
        if not all(0 <= token < self.weights.n_vocab for token in ids):
            raise ModelError(
                f"a token is not in the vocabulary of {self.weights.n_vocab}", "give its own tokens"
            )
        return ids

    def room(self, tokens: int) -> Any:
        """A context for `tokens`: the current one, with what it holds, if it is large enough."""
        self.refuse_long(tokens)
        if self.context is None or self.context.size < tokens:
            if self.context is not None:
                self.context.free()
                self.context = None
            size = min(-(-(tokens + SPARE) // PAD) * PAD, self.settings.context)
            self.context = self._new_context(size)
            self.adapters.put_on(self.context)
        return self.context

    def refuse_long(self, tokens: int) -> None:
        """ModelError for a prompt and an answer that together have too many tokens."""
        if tokens > self.settings.context:
            raise ModelError(
                f"prompt and answer need {tokens} tokens, but the context has "
                f"{self.settings.context}",
                "give a shorter text or a larger context",
            )

    def sampler(self, request: Request) -> "Sampler":
        """What chooses the tokens of an answer; ModelError if it cannot follow the grammar."""
        from edgemed_models.engine.grammar import gbnf_of
        from edgemed_models.engine.sampling import Sampler

        grammar = request.grammar
        if request.schema is not None:
            grammar = gbnf_of(request.schema)
        return Sampler(self.weights, request.temperature, request.seed, grammar)

    def generate(self, request: Request, out: BinaryIO) -> None:
        """Write the events of `request` as they happen."""
        from edgemed_models.engine import loop, plain
        from edgemed_models.engine.loops import loops_of

        prompt, pause = self.encode_shared(request)
        context = self.room(len(prompt) + request.max_tokens)
        sampler = self.sampler(request)
        try:
            loops, limit = loops_of(request), request.max_tokens
            made = (self.weights, context, sampler, prompt, limit, loops)
            if request.plain:
                given = bool(request.ids)
                events = plain.generate(*made, request.echo, request.top, given)
            else:
                events = loop.generate(*made, pause)
            for event in events:
                out.write(wire.event_line(event))
                out.flush()
        finally:
            sampler.free()

    def generate_many(self, requests: Sequence[Request], out: BinaryIO) -> None:
        """Write the events of all `requests`, each with its number, as they happen."""
        from edgemed_models.engine import many

        asks: list[many.Ask] = []

        def tell(number: int, event: Event) -> None:
            out.write(wire.event_line(event, number))
            out.flush()

        try:
            for number, request in enumerate(requests):
                try:
                    asks.append(self.ready(number, request))
                except ModelError as error:
                    tell(number, Failed(error.message, error.hint))
            if asks:
                with self.pool(asks) as pool:
                    for number, event in many.generate(self.weights, pool, asks):
                        tell(number, event)
        finally:
            for ask in asks:
                ask.sampler.free()

    def ready(self, number: int, request: Request) -> "Ask":
        """A request as ids and a sampler; ModelError where it does not fit or has no grammar."""
        from edgemed_models.engine.loops import loops_of
        from edgemed_models.engine.many import Ask

        if request.echo or request.top is not None:
            raise ModelError("echo and log-probabilities come one by one", "ask them alone")
        prompt, _ = self.encode_shared(request)
        self.refuse_long(len(prompt) + request.max_tokens)
        sampler = self.sampler(request)
        return Ask(number, prompt, request.max_tokens, sampler, loops_of(request))

    @contextmanager
    def pool(self, asks: "Sequence[Ask]") -> "Iterator[Sequences]":
        """A cache for as many of `asks` at once as were planned; the one for single requests goes
        before it, so that both never take memory together."""
        from edgemed_models.engine.sequences import Sequences

        if self.context is not None:
            self.context.free()
            self.context = None
        settings, longest = self.settings, max(ask.most for ask in asks)
        count = min(settings.sequences, len(asks), settings.batch)
        size = min(-(-count * longest // PAD) * PAD, settings.sequences * settings.context)
        pool = Sequences(self.weights, settings, size, count, self.stop)
        try:
            self.adapters.put_on(pool)
            yield pool
        finally:
            pool.free()

    def score(self, messages: tuple[Message, ...], answer: str) -> list[float]:
        """Log-probabilities of the ids that `answer` adds to the prompt."""
        from edgemed_models.engine import loop

        if not answer:
            return []
        before, added = self.split(messages, answer)
        return loop.score(self.room(len(before) + len(added)), before, added)

    def text_ids(self, text: str) -> list[int]:
        """Ids of a text as it stands, behind the token that begins one."""
        from edgemed_models.engine.encoding import encode
        from edgemed_models.engine.prompt import Segment

        return encode(self.weights, [Segment(text, True)])

    def text_scores(self, ids: list[int]) -> list[float]:
        """Log-probabilities of every id but the first."""
        from edgemed_models.engine import loop

        return loop.score(self.room(len(ids)), ids[:1], ids[1:]) if len(ids) > 1 else []

    def text_logits(self, ids: list[int], out: BinaryIO) -> None:
        """Write the logits behind every id but the last, some rows a line."""
        from edgemed_models.engine import loop

        if len(ids) > 1:
            for rows in loop.rows(self.room(len(ids)), ids):
                out.write(wire.line({"rows": wire.packed(rows)}))
        out.write(wire.line({"read": len(ids)}))
        out.flush()

    def split(self, messages: tuple[Message, ...], answer: str) -> tuple[list[int], list[int]]:
        """Ids of the prompt, and those that `answer` adds (or changes at the prompt's end)."""
        before, whole = self.encode(messages), self.encode(messages, answer)
        shared = next(
            (i for i, (a, b) in enumerate(zip(before, whole, strict=False)) if a != b),
            min(len(before), len(whole)),
        )
        return whole[:shared], whole[shared:]

    def ended(self, messages: tuple[Message, ...], answer: str) -> tuple[list[int], list[int]]:
        """As `split`, with the token that ends a turn after the answer."""
        before, added = self.split(messages, answer)
        end = self.weights.end_of_turn()
        if end is None:
            raise ModelError(
                "the model's vocabulary has no token that ends an answer", "choose another model"
            )
        return before, [*added, end]


class Service:
    """Answers each message to the worker process; holds the loaded model."""

    def __init__(self, inbox: Inbox, out: BinaryIO) -> None:
        self.inbox = inbox
        self.out = out
        self.worker: Worker | None = None
        self.renderer: Renderer | None = None  # started with the first model, as it takes a while

    def answer(self, message: dict[str, Any]) -> None:
        """Do what `message` asks; ends with exactly one line other than Prefill or Piece."""
        match message["op"]:
            case "load":
                self.tell({"loaded": self.load(Settings(**message["settings"])).facts()})
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

    def load(self, settings: Settings) -> Worker:
        """Load a model in place of the current one."""
        if self.worker is not None:
            self.worker.free()
            self.worker = self.inbox.stop = None
        self.renderer = self.renderer or Renderer()
        self.worker = Worker(settings, self.renderer)
        self.inbox.stop = self.worker.stop
        return self.worker

    def loaded(self) -> Worker:
        """The loaded model; ModelError if there is none."""
        if self.worker is None:
            raise ModelError("no model is loaded", "load one first")
        return self.worker


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
        except Exception as error:  # the outermost edge of this process
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
