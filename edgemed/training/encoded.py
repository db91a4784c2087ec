"""Examples as token ids, as the product would send them: the model's template, the same encoder."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from edgemed_models.base import Message, ModelError
from edgemed_models.engine.settings import EngineSettings

from edgemed.errors import Refused
from edgemed.local_models.loading import start, translated
from edgemed.training.examples import Example
from edgemed.training.schedule import pool


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids of prompt and answer; the loss looks at the last `answer` of them."""

    ids: tuple[int, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Data:
    """The examples to learn from. `longest` tokens an example; `left_out` examples have more.

    `about`: their origin, for the card: no text of theirs, and no name of a file.
    """

    rows: tuple[Encoded, ...]
    left_out: int
    longest: int
    about: Mapping[str, Any] = field(default_factory=dict)

    def mark(self, key: bytes) -> str:
        """A keyed hash: it recognises the same data, and short examples cannot be guessed from
        it."""
        digest = hmac.new(key, digestmod=hashlib.sha256)
        for row in self.rows:
            digest.update(f"{row.answer}:{','.join(map(str, row.ids))};".encode())
        return digest.hexdigest()


def few(data: Data, shots: int, seed: int) -> Data:
    """A pool of `shots` examples, drawn by the seed; smaller pools of the same seed are part of it.

    Refused where there are not as many.
    """
    there = len(data.rows)
    if shots > there:
        raise Refused(
            f"{shots:,} examples were asked for; {there:,} have at most {data.longest:,} tokens",
            "give a smaller number, or more examples",
        )
    rows = tuple(data.rows[n] for n in pool(there, shots, seed))
    return replace(data, rows=rows, about={**data.about, "drawn_from": there})


class TurnEncoder(Protocol):
    """What turns messages and an answer into ids."""

    def encode(self, messages: Sequence[Message], answer: str) -> tuple[list[int], list[int]]: ...


def encode_all(encoder: TurnEncoder, examples: Sequence[Example], longest: int) -> Data:
    """Every example of at most `longest` tokens. Refused where there is none, or one cannot be
    encoded.

    A refusal names the row.
    """
    rows, left_out = [], 0
    for example in examples:
        try:
            prompt, answer = encoder.encode(example.messages, example.answer)
        except ModelError as error:
            refused = translated(error)
            refused.message = f"{example.place}: {refused.message}"
            raise refused from None
        if not prompt or len(prompt) + len(answer) > longest:
            left_out += 1
        else:
            rows.append(Encoded((*prompt, *answer), len(answer)))
    if not rows:
        raise Refused(
            f"all {left_out} examples have more than {longest} tokens",
            "let the longest example have more tokens, or give other ones",
        )
    return Data(tuple(rows), left_out, longest)


def encode_for(
    path: Path,
    template: str | None,
    examples: Sequence[Example],
    longest: int,
    about: Mapping[str, Any] = MappingProxyType({}),
) -> Data:
    """`encode_all` by the model file's own vocabulary and chat template, or by `template`."""
    settings = EngineSettings(
        str(path.resolve()), context=0, threads=1, chat_template=template, vocab_only=True
    )
    model = start(settings)
    try:
        return replace(encode_all(model, examples, longest), about=dict(about))
    finally:
        model.close()
