"""Answers in the form of OpenAI's API: whole, or as the chunks of a stream."""

import json
from dataclasses import dataclass, field
from typing import Any

from edgemed_models.answer import Answer
from edgemed_models.base import Done, Event, Piece, Prefill, Scored

REASONS = {"stop": "stop", "loop": "stop", "length": "length"}


@dataclass(slots=True)
class Reply:
    """One answer as it grows. `chat`: in the form of a chat, else of a text."""

    chat: bool
    answer: Answer = field(default_factory=Answer)
    scores: list[Scored] = field(default_factory=list)
    read: int = 0

    def hear(self, event: Event) -> None:
        """What an event says beside the text: scores, and how many tokens were read."""
        if isinstance(event, Piece):
            self.scores += event.scores
        elif isinstance(event, Prefill):
            self.read = event.total
        elif isinstance(event, Done):
            self.read = event.timings.prompt_tokens

    @property
    def written(self) -> int:
        """Tokens of the answer."""
        end = self.answer.end
        return end.timings.answer_tokens if isinstance(end, Done) else self.answer.tokens

    @property
    def reason(self) -> str:
        """Why it ended, in the form's words."""
        end = self.answer.end
        return REASONS.get(end.reason, "stop") if isinstance(end, Done) else "stop"

    def choice(self, index: int, scored: bool) -> dict[str, Any]:
        """The answer as one of the choices."""
        text = self.answer.text
        held: dict[str, Any] = (
            {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        )
        return {
            "index": index,
            **held,
            "logprobs": logprobs(self.scores) if scored else None,
            "finish_reason": self.reason,
        }


def whole(head: dict[str, Any], chat: bool, replies: list[Reply], scored: bool) -> dict[str, Any]:
    """A response with all its choices."""
    kind = "chat.completion" if chat else "text_completion"
    choices = [reply.choice(number, scored) for number, reply in enumerate(replies)]
    return {**head, "object": kind, "choices": choices, "usage": usage(replies)}


def usage(replies: list[Reply]) -> dict[str, int]:
    """Tokens read and written."""
    read, written = sum(r.read for r in replies), sum(r.written for r in replies)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def chunk(
    head: dict[str, Any], chat: bool, piece: Piece | None, reason: str | None, scored: bool
) -> bytes:
    """A chunk of a stream: a piece of the answer, or its end."""
    text = piece.text if piece else ""
    held: dict[str, Any] = {"text": text}
    if chat:
        held = {"delta": {"content": text} if piece else {}}
    logs = logprobs(list(piece.scores)) if scored and piece else None
    choice = {"index": 0, **held, "logprobs": logs, "finish_reason": reason}
    kind = "chat.completion.chunk" if chat else "text_completion"
    return event({**head, "object": kind, "choices": [choice]})


def opening(head: dict[str, Any]) -> bytes:
    """The first chunk of a chat: whose turn it is."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    return event({**head, "object": "chat.completion.chunk", "choices": [choice]})


def event(table: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(table).encode() + b"\n\n"


END = b"data: [DONE]\n\n"


def logprobs(scores: list[Scored]) -> dict[str, Any]:
    """Tokens, their log-probabilities, the likeliest at each place, and where each begins."""
    return {
        "tokens": [score.text for score in scores],
        "token_logprobs": [score.log for score in scores],
        "top_logprobs": [dict(score.top) if score.log is not None else None for score in scores],
        "text_offset": [score.offset for score in scores],
    }


def error(message: str, kind: str) -> dict[str, Any]:
    """An error as clients expect it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
