"""The one protocol for a language model: count, generate as events, score, close.

A request holds messages, not a prompt string. The text of a message is literal and never becomes a
control token; only the chat template around it can. Knows nothing of notes.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Role = Literal["system", "user", "assistant"]
StopReason = Literal["stop", "length", "loop", "cancelled"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is literal: `<|eot_id|>` in it stays plain text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What to generate. `temperature` 0 is greedy.

    `stop_loops` ends an answer that repeats itself (engine/loops.py).
    `shared`: other requests begin with this many characters of the last message too. Reading
    pauses there, so that they need not be read again.
    `grammar` (GBNF) or `schema` (a JSON schema as text) constrains the whole answer. ValueError
    if both are given, or no tokens are to be written.

    `plain`: the text of the one message is continued without a chat template; or the tokens
    `ids`, if they are given. `echo` sends that text as the first piece, and then no
    tokens need be written. With `top` each token comes with its log-probability and those of the
    `top` likeliest tokens at its place (only with `plain`).
    """

    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    grammar: str | None = None
    schema: str | None = None
    stop_loops: bool = False
    shared: int = 0
    plain: bool = False
    ids: tuple[int, ...] = ()
    echo: bool = False
    top: int | None = None

    def __post_init__(self) -> None:
        least = 0 if self.echo else 1
        if self.max_tokens < least or (self.grammar is not None and self.schema is not None):
            raise ValueError("max_tokens must be 1 or more, with a grammar or a schema, not both")
        if not self.plain and (self.ids or self.echo or self.top is not None):
            raise ValueError("ids, echo and top belong to a plain text")


@dataclass(frozen=True, slots=True)
class Timings:
    """Tokens and seconds of one generation, measured by the engine.

    `kept_tokens` of the prompt were still in the cache from the request before.
    """

    prompt_tokens: int
    prompt_seconds: float
    answer_tokens: int
    answer_seconds: float
    kept_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Prefill:
    """The model has read `done` of `total` prompt tokens after `seconds`; `kept` were cached."""

    done: int
    total: int
    seconds: float
    kept: int = 0

    @property
    def left(self) -> float | None:
        """Estimated seconds for the rest; None until the first tokens are read."""
        read = self.done - self.kept
        return self.seconds * (self.total - self.done) / read if read > 0 else None


class Scored(NamedTuple):
    """A token: its text, where it begins in the text (in characters), its natural-log probability
    (None for a first token, which nothing precedes), and the likeliest at its place."""

    text: str
    offset: int
    log: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of the answer, whole characters only: the text of `tokens` tokens.

    An echo is a piece of no tokens. `scores` only where they were asked for.
    """

    text: str
    tokens: int = 1
    scores: tuple[Scored, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The answer ended: the model stopped, the token limit cut it, it repeated itself and was
    ended, or it was cancelled."""

    reason: StopReason
    timings: Timings


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine failed; the pieces so far remain valid. `log` holds its last lines."""

    message: str
    hint: str
    log: tuple[str, ...] = ()


Event = Prefill | Piece | Done | Failed


class ModelError(ValueError):
    """A model cannot be used as asked: `message` says why, `hint` what to do about it."""

    def __init__(self, message: str, hint: str = "", log: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log


class LanguageModel(Protocol):
    """A loaded language model. One request at a time; `cancel` may come from any thread."""

    @property
    def name(self) -> str:
        """Its name on the screen and in records."""
        ...

    @property
    def context(self) -> int:
        """Tokens that fit, prompt and answer together."""
        ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered prompt for `messages`, those of the chat template included."""
        ...

    def generate(self, request: Request) -> Iterator[Event]:
        """Events in order: Prefill..., Piece..., then exactly one Done or Failed."""
        ...

    def generate_many(
        self, requests: Sequence[Request]
    ) -> Generator[tuple[int, Event], None, None]:
        """Answer all `requests` at once: each event with the number of its request.

        The events of one request come in the order of `generate`, among those of others. Answers
        are those of `generate` up to rounding: several are computed in one batch.
        """
        ...

    def cancel(self) -> None:
        """Stop what is running within a second: every stream ends with Done('cancelled')."""
        ...

    def score(self, messages: Sequence[Message], continuation: str) -> list[float]:
        """Natural-log probability of each token of `continuation` after the prompt."""
        ...

    def close(self) -> None:
        """Free the model; safe to call twice."""
        ...
