"""Reads a client's request from its JSON.

Refuse, never skip: an unsupported field that would change the answer is an error that names it.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgemed_models.base import Message, Request, Role

MOST_SEED = (1 << 32) - 2
MOST_TOP = 20
MOST_STOPS, LONGEST_STOP = 16, 1000
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
CHAT_TOKENS, TEXT_TOKENS = 512, 16
TOP_P = 0.95
"""The engine's top-p, which is fixed; it is used with a temperature above 0."""

IGNORED = frozenset({"user", "metadata", "store", "service_tier", "stream_options"})
"""Fields that change no answer."""
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "suffix": ("",),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "logprobs": (False,),
}
"""Fields that edgemed does not support, with the values that change nothing."""

Body = Mapping[str, Any]


class BadRequest(Exception):
    """The client's request cannot be answered as it stands; `status` is HTTP's."""

    def __init__(
        self, message: str, status: int = 400, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind = message, status, kind


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request for the model, the texts at which its answer ends, and how it is sent."""

    requests: tuple[Request, ...]
    stops: tuple[str, ...]
    stream: bool


def parsed(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises BadRequest, which quotes nothing of it."""
    try:
        body = json.loads(data.decode("utf-8"), parse_constant=no_number)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise BadRequest("the body is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    return body


def no_number(name: str) -> None:
    """JSON has no NaN and no Infinity."""
    raise ValueError(name)


def chat(body: Body, name: str) -> ModelRequest:
    """A request to /v1/chat/completions for the model called `name`."""
    common = options(body, name, CHAT_TOKENS, CHAT)
    messages = tuple(message(turn) for turn in listed(body, "messages"))
    if not messages:
        raise BadRequest("messages is empty")
    return asked(body, [Request(messages, **common)])


def text(body: Body, name: str) -> ModelRequest:
    """A request to /v1/completions."""
    echo, top = flag(body, "echo"), body.get("logprobs")
    if top is not None:
        top = number(body, "logprobs", 0, 0, MOST_TOP)
    common = options(body, name, TEXT_TOKENS, TEXT, least=0 if echo else 1)
    common |= {"plain": True, "echo": echo, "top": top}
    found = asked(body, [Request(turn, ids=ids, **common) for turn, ids in prompts(body)])
    if found.stream and len(found.requests) > 1:
        raise BadRequest("a stream has one prompt")
    if found.stops and top is not None:
        raise BadRequest("stop and logprobs cannot be combined")
    return found


def asked(body: Body, requests: list[Request]) -> ModelRequest:
    """The whole request."""
    return ModelRequest(tuple(requests), stops(body), flag(body, "stream"))


def options(
    body: Body, name: str, tokens: int, known: frozenset[str], least: int = 1
) -> dict[str, Any]:
    """What both kinds of requests have, as fields of a Request."""
    refuse_unknown(body, known)
    if body.get("model") not in (None, name):
        raise BadRequest(f"the only model here is {name}", 404, "model_not_found")
    most = "max_tokens" if body.get("max_tokens") is not None else "max_completion_tokens"
    temperature = real(body, "temperature", 0.0)
    top_p = real(body, "top_p", TOP_P)
    if temperature > 0 and top_p != TOP_P:
        raise BadRequest(f"top_p is {TOP_P} here, with a top_k of 40: leave it out")
    return {
        "max_tokens": number(body, most, tokens, least, 1 << 20),
        "temperature": temperature,
        "seed": number(body, "seed", 0, 0, MOST_SEED),
        **form(body),
    }


SHARED = frozenset(
    "model max_tokens max_completion_tokens temperature top_p seed stop stream grammar "
    "response_format".split()
)
CHAT = SHARED | {"messages"}
TEXT = SHARED | {"prompt", "echo", "logprobs"}


def refuse_unknown(body: Body, known: frozenset[str]) -> None:
    """BadRequest for a field that edgemed would have to ignore."""
    for field, value in body.items():
        if field in known or field in IGNORED or value is None:
            continue
        calm = NEUTRAL.get(field, ())
        if not any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in calm
        ):
            raise BadRequest(f"{field[:40]} is not supported here: leave it out")


def form(body: Body) -> dict[str, str]:
    """The grammar or the JSON schema that constrains the answer."""
    given, wanted = body.get("grammar"), body.get("response_format")
    if given is not None and wanted is not None:
        raise BadRequest("give a grammar or a response_format, not both")
    if given is not None:
        return {"grammar": string(given, "grammar")}
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if wanted is None or kind == "text":
        return {}
    if kind == "json_object":
        return {"schema": '{"type":"object"}'}
    inside = wanted.get("json_schema") if kind == "json_schema" else None
    schema = inside.get("schema") if isinstance(inside, dict) else None
    if not isinstance(schema, dict):
        raise BadRequest("response_format is not text, json_object or json_schema with a schema")
    return {"schema": json.dumps(schema)}


def message(turn: Any) -> Message:
    """A turn of a chat."""
    role = ROLES.get(turn.get("role")) if isinstance(turn, dict) else None  # type: ignore[arg-type]
    if role is None or set(turn) - {"role", "content", "type", "name"}:
        raise BadRequest(f"a message has a role ({', '.join(ROLES)}) and a content")
    content = turn.get("content")
    if isinstance(content, list):
        content = "".join(part(piece) for piece in content)
    return Message(role, string(content, "content"))


def part(piece: Any) -> str:
    """A part of a content."""
    if not isinstance(piece, dict) or piece.get("type") != "text":
        raise BadRequest("only text parts are supported in content")
    return string(piece.get("text"), "text")


def prompts(body: Body) -> list[tuple[tuple[Message, ...], tuple[int, ...]]]:
    """The prompts of a plain request: a text or tokens, or a list of either."""
    given = body.get("prompt")
    many = given if isinstance(given, list) and not all_ids(given) else [given]
    if not many:
        raise BadRequest("prompt is empty")
    found: list[tuple[tuple[Message, ...], tuple[int, ...]]] = []
    for one in many:
        if isinstance(one, list) and one and all_ids(one):
            found.append(((), tuple(one)))
        else:
            found.append(((Message("user", string(one, "prompt")),), ()))
    return found


def all_ids(values: list[Any]) -> bool:
    """Whether a list is of tokens."""
    return bool(values) and all(type(value) is int for value in values)


def stops(body: Body) -> tuple[str, ...]:
    """Texts at which the answer ends."""
    given = body.get("stop")
    every = given if isinstance(given, list) else [] if given is None else [given]
    if len(every) > MOST_STOPS or not all(
        isinstance(text, str) and len(text) <= LONGEST_STOP for text in every
    ):
        raise BadRequest(f"stop is a text or up to {MOST_STOPS} texts")
    return tuple(text for text in every if text)


def listed(body: Body, field: str) -> list[Any]:
    """A list."""
    value = body.get(field)
    if not isinstance(value, list):
        raise BadRequest(f"{field} is not a list")
    return value


def string(value: Any, field: str) -> str:
    """A text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise BadRequest(f"{field} is not a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{field} has half of a surrogate pair") from None
    return value


def flag(body: Body, field: str) -> bool:
    """true or false."""
    value = body.get(field)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{field} is not true or false")
    return bool(value)


def number(body: Body, field: str, otherwise: int, least: int, most: int) -> int:
    """A whole number within its limits."""
    value = body.get(field)
    if value is None:
        return otherwise
    if type(value) is not int or not least <= value <= most:
        raise BadRequest(f"{field} is not a whole number from {least} to {most}")
    return value


def real(body: Body, field: str, otherwise: float) -> float:
    """A number, zero or above."""
    value = body.get(field)
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadRequest(f"{field} is not a number of 0 or more")
    return float(value)


READERS: dict[str, Callable[[Body, str], ModelRequest]] = {
    "/v1/chat/completions": chat,
    "/v1/completions": text,
}
"""What reads a request, by path."""
