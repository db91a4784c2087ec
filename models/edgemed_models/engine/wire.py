"""Lines between client and worker: one JSON object each, events under their own names.

JSON because it is plain data: a pickle from a crashed or hostile process could run code.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgemed_models.base import (
    Done,
    Event,
    Failed,
    Message,
    Piece,
    Prefill,
    Request,
    Scored,
    Timings,
)

if TYPE_CHECKING:
    from edgemed_models.reading import F32


def line(message: dict[str, Any]) -> bytes:
    """One message as a line; only ASCII is unescaped, so no text can end the line early."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def parse(data: bytes) -> dict[str, Any]:
    """The message of a line that `line` made."""
    message: dict[str, Any] = json.loads(data)
    return message


def event_line(event: Event, number: int | None = None) -> bytes:
    """An event under the name of its class, with the `number` of its request if there are many."""
    at = {} if number is None else {"at": number}
    return line({**at, type(event).__name__: asdict(event)})


READERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "Prefill": lambda v: Prefill(**v),
    "Piece": lambda v: Piece(v["text"], v["tokens"], tuple(map(scored, v["scores"]))),
    "Done": lambda v: Done(v["reason"], Timings(**v["timings"])),
    "Failed": lambda v: Failed(v["message"], v["hint"], tuple(v["log"])),
}


def scored(values: list[Any]) -> Scored:
    """A token's scores from plain data."""
    text, offset, log, top = values
    return Scored(text, offset, log, tuple((name, value) for name, value in top))


def event(message: dict[str, Any]) -> Event | None:
    """The event in `message`, or None if it is another kind of answer."""
    for name, value in message.items():
        if name in READERS:
            return READERS[name](value)
    return None


def request_table(request: Request) -> dict[str, Any]:
    """A request as plain data."""
    return asdict(request)


def request(table: dict[str, Any]) -> Request:
    """The request that `request_table` wrote."""
    lists = {"messages": messages(table["messages"]), "ids": tuple(table["ids"])}
    return Request(**{**table, **lists})


def messages(tables: list[dict[str, Any]]) -> tuple[Message, ...]:
    """Messages from plain data."""
    return tuple(Message(**table) for table in tables)


def packed(rows: "F32") -> list[Any]:
    """Rows of float32 as [number of rows, base64 of their little-endian bytes]."""
    return [len(rows), b64encode(rows.astype("<f4").tobytes()).decode("ascii")]


def unpacked(told: list[Any]) -> "F32":
    """The rows that `packed` wrote: f32 [rows, length]."""
    import numpy as np  # here alone: what never reads logits needs no numpy

    count, text = told
    return np.frombuffer(b64decode(text), "<f4").astype(np.float32).reshape(count, -1)
