"""Collects an answer: a model's events become a text and how it ended. The only such loop.

A listener that shows progress, echoes text or draws a screen gets every event; the caller decides
what to do about a stop or a broken engine.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from edgemed_models.base import Done, Event, Failed, LanguageModel, ModelError, Piece, Request

Ending = Literal["stop", "length", "loop", "cancelled", "failed"]
"""How an answer ended: by itself, at its limit, in a loop, stopped by the user, or broken off."""


@dataclass(slots=True)
class Answer:
    """A generation so far: the text, and how it ended."""

    pieces: list[str] = field(default_factory=list)
    tokens: int = 0
    end: Done | Failed | None = None
    interrupted: bool = False

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def ending(self) -> Ending:
        """How it ended; "failed" if it has no ending."""
        if self.interrupted:
            return "cancelled"
        return self.end.reason if isinstance(self.end, Done) else "failed"

    @property
    def complete(self) -> bool:
        """Whether the model ended the answer itself."""
        return self.ending == "stop"

    @property
    def timings(self) -> dict[str, Any]:
        """Tokens and seconds as the engine measured them; empty where it ended without."""
        return asdict(self.end.timings) if isinstance(self.end, Done) else {}


def collect(
    events: Iterator[Event],
    tell: Callable[[Event], None] = lambda event: None,
    answer: Answer | None = None,
) -> Answer:
    """The answer from `events`; `tell` gets each of them after it was added.

    Errors and stops pass through: to have the text so far, the caller gives the `answer`.
    """
    answer = Answer() if answer is None else answer
    for event in events:
        if isinstance(event, Piece):
            answer.pieces.append(event.text)
            answer.tokens += event.tokens
        elif isinstance(event, Done | Failed):
            answer.end = event
        tell(event)
    return answer


def ask(model: LanguageModel, request: Request) -> Answer:
    """The model's answer to `request`. Raises ModelError where the engine breaks off."""
    answer = collect(model.generate(request))
    refuse_broken(answer)
    return answer


def ask_many(
    model: LanguageModel, requests: Sequence[Request]
) -> Generator[tuple[int, Answer], None, None]:
    """The answers to all `requests`, each with the number of its request, as they end.

    One may have ended as "failed": see `refuse_broken`.
    """
    answers = [Answer() for _ in requests]
    with closing(model.generate_many(requests)) as events:
        for number, event in events:
            answer = collect(iter((event,)), answer=answers[number])
            if answer.end is not None:
                yield number, answer


def refuse_broken(answer: Answer) -> None:
    """ModelError for an answer that the engine broke off."""
    if isinstance(answer.end, Failed):
        raise ModelError(answer.end.message, answer.end.hint, answer.end.log)
    if answer.end is None:
        raise ModelError("the engine gave no ending", "ask again")
