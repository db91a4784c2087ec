"""The one protocol for a language model: count, generate as events, score, close.

A request holds messages, not a prompt string. What stands in a message is literal text and can
never become a control token; only the chat template around it may. Knows nothing of notes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
Reason = Literal["stop", "length", "loop", "cancelled"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is literal: `<|eot_id|>` in it stays eight characters of text."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What to generate. `temperature` 0 is greedy.

    `stop_loops` ends an answer that repeats itself (engine/loops.py).
    `grammar` (GBNF) or `schema` (a JSON schema as text) binds the whole answer; with both, or
    with nothing to write, ValueError.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0
    grammar: str | None = None
    schema: str | None = None
    stop_loops: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or (self.grammar is not None and self.schema is not None):
            raise ValueError("a request writes one token or more, by a grammar or a schema")


@dataclass(frozen=True, slots=True)
class Timings:
    """Tokens and seconds of one generation, as measured by the engine.

    `kept_tokens` of the prompt were held from the request before and not read again.
    """

    prompt_tokens: int
    prompt_seconds: float
    answer_tokens: int
    answer_seconds: float
    kept_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Prefill:
    """The model holds `done` of `total` prompt tokens after `seconds`; it began with `kept`."""

    done: int
    total: int
    seconds: float
    kept: int = 0

    @property
    def left(self) -> float | None:
        """About how many seconds the rest takes; None while there is nothing to go by."""
        read = self.done - self.kept
        return self.seconds * (self.total - self.done) / read if read > 0 else None


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of the answer, whole characters only: what `tokens` tokens came to."""

    text: str
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """The answer ended: the model stopped, the token limit cut it, it repeated itself and was
    ended, or it was cancelled."""

    reason: Reason
    timings: Timings


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine broke; what was generated so far stands. `log` holds its last lines."""

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


class Model(Protocol):
    """A loaded language model. One request at a time; `cancel` may come from any thread."""

    @property
    def name(self) -> str:
        """What to call it on the screen and in records."""
        ...

    @property
    def context(self) -> int:
        """Tokens that fit, prompt and answer together."""
        ...

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered prompt for `messages`, the template's own included."""
        ...

    def generate(self, request: Request) -> Iterator[Event]:
        """Events in order: Prefill..., Piece..., then exactly one Done or Failed."""
        ...

    def cancel(self) -> None:
        """Stop the running request within a second; its stream ends with Done('cancelled')."""
        ...

    def score(self, messages: Sequence[Message], continuation: str) -> list[float]:
        """Natural-log probability of each token of `continuation` after the prompt."""
        ...

    def close(self) -> None:
        """Free the model; safe to call twice."""
        ...
