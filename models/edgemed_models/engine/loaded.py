"""A loaded model in the worker process: its context, which grows to what a request needs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from edgemed_models.base import Event, Failed, Message, ModelError, Request
from edgemed_models.engine import wire
from edgemed_models.engine.renderer import Renderer
from edgemed_models.engine.settings import EngineSettings

if TYPE_CHECKING:
    from edgemed_models.engine.context import LlamaContext
    from edgemed_models.engine.many import Ask
    from edgemed_models.engine.prompt import Segment
    from edgemed_models.engine.sampling import Sampler
    from edgemed_models.engine.sequences import Sequences

PAD = 256  # llama.cpp rounds contexts up to this many tokens
FIXED_TEXT = "The patient was seen today. He has been well since the last visit, and takes"
"""What a model is asked with and without an adapter."""
SPARE = 1536  # extra tokens, so that a further question about the same text can reuse the cache


class LoadedModel:
    """One loaded model and its context, which grows to what a request needs."""

    def __init__(self, settings: EngineSettings, renderer: Renderer) -> None:
        from edgemed_models.engine import binding, weights

        self.renderer = renderer
        self.settings = settings
        self.stop = binding.StopFlag()
        self.weights = weights.Weights(settings)
        self.template = settings.chat_template or self.weights.template()
        self.context: LlamaContext | None = None
        self.adapters = weights.Adapters(self.weights, settings)
        if self.adapters.names:
            self._refuse_idle()

    def _new_context(self, size: int) -> "LlamaContext":
        from edgemed_models.engine.context import LlamaContext

        return LlamaContext(self.weights, self.settings, size, self.stop)

    def _refuse_idle(self) -> None:
        """ModelError if an adapter does not change the answer to a fixed text."""
        text = self.weights.tokenize(FIXED_TEXT, special=False)[: PAD // 2]
        context = self._new_context(PAD)
        try:
            bare = self._answer(context, text, ())
            for number, name in enumerate(self.adapters.names):
                same = self._answer(context, text, (number,)) == bare
                if self.adapters.strengths[number] and same:
                    raise ModelError(
                        f"the adapter {name} does not change what the model computes",
                        "the adapter is empty, or llama.cpp ignores it: fold it instead",
                    )
        finally:
            context.free()

    def _answer(self, context: Any, text: list[int], adapters: tuple[int, ...]) -> bytes:
        """The logits after `text` with these adapters, f32[vocabulary] as bytes."""
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
        """Ids of a plain text that is continued."""
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
        """The sampler of an answer; ModelError if it cannot follow the grammar."""
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
            raise ModelError("echo and log-probabilities are for single requests", "ask them alone")
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
        """Ids of a plain text, after the begin-of-text token."""
        from edgemed_models.engine.encoding import encode
        from edgemed_models.engine.prompt import Segment

        return encode(self.weights, [Segment(text, True)])

    def text_scores(self, ids: list[int]) -> list[float]:
        """Log-probabilities of every id but the first."""
        from edgemed_models.engine import loop

        return loop.score(self.room(len(ids)), ids[:1], ids[1:]) if len(ids) > 1 else []

    def text_logits(self, ids: list[int], out: BinaryIO) -> None:
        """Write the logits after every id but the last, some rows per line."""
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
