"""Asks a model every case, greedily and with the same settings for every file of a sweep."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edgemed_models.answer import Answer, ask_many, refuse_broken
from edgemed_models.base import LanguageModel, Message, ModelError, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.process import Process
from edgemed_models.engine.settings import EngineSettings

from edgemed.errors import EdgemedError, Refused
from edgemed.evals.cases import SweepCase
from edgemed.gguf import open_model
from edgemed.local_models.at_once import many_at_once
from edgemed.local_models.header_sizes import shape_of
from edgemed.local_models.loading import (
    Options,
    bare_settings,
    plan_model,
    settings_for,
    start,
    started_ahead,
    translated,
)


class Prompted(Protocol):
    """What can be asked: messages, and a place for errors."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt."""

    @property
    def where(self) -> str:
        """File and line."""


def planned_settings(
    path: Path, cases: Sequence[SweepCase], options: Options, max_tokens: int
) -> EngineSettings:
    """How to load `path` so that every case and its answer fit. Raises Refused with the line."""
    return settings_holding(path, cases, options, [max_tokens] * len(cases))


def settings_holding(
    path: Path, cases: Sequence[Prompted], options: Options, rooms: Sequence[int]
) -> EngineSettings:
    """As `planned_settings`, with a room of tokens for each answer."""
    with started_ahead() as process:
        most = longest(path, cases, options, rooms, process)
    model = open_model(path)
    plan = plan_model(model, options, most)
    return many_at_once(model, settings_for(path, options, plan), options, plan)


def longest(
    path: Path,
    cases: Sequence[Prompted],
    options: Options,
    rooms: Sequence[int],
    process: Process,
) -> int:
    """Tokens of the longest prompt with its answer, counted with the vocabulary only."""
    room = options.context or shape_of(open_model(path)).train_context
    model = start(replace(bare_settings(path, options), vocab_only=True), process)
    try:
        counts = [counted(model, case) for case in cases]
    finally:
        model.close()
    for case, count, more in zip(cases, counts, rooms, strict=True):
        if count + more > room:
            raise Refused(
                f"{case.where}: {count} tokens to read and {more} to write do not fit into "
                f"the context of {room}",
                "shorten the case, ask for a shorter answer, or give a larger context",
            )
    return max(count + more for count, more in zip(counts, rooms, strict=True))


def counted(model: LlamaModel, case: Prompted) -> int:
    """Tokens of a case's prompt. Raises EdgemedError if the chat template refuses it."""
    try:
        return model.count(case.messages)
    except ModelError as error:
        raise named(case.where, error) from None


def named(where: str, error: ModelError) -> EdgemedError:
    """An engine's error, with the line of the case."""
    told = translated(error)
    told.message = f"{where}: {told.message}"
    return told


def examined(
    settings: EngineSettings,
    cases: Sequence[SweepCase],
    max_tokens: int,
    tell: Callable[[int], None],
) -> tuple[dict[str, list[float]], int]:
    """The scores of a file's greedy answers by axis, and how many were cut at `max_tokens`."""
    worths, cut = defaultdict(list), 0
    found: dict[int, Answer] = {}
    model = start(settings)
    try:
        requests = [Request(case.messages, max_tokens) for case in cases]
        for number, answer in answered([case.where for case in cases], model, requests):
            found[number] = answer
            tell(len(found))
    finally:
        model.close()
    for number, case in enumerate(cases):
        answer = found[number]
        worths[case.axis].append(case.worth(answer.text, answer.complete))
        cut += not answer.complete
    return dict(worths), cut


def answered(
    places: Sequence[str], model: LanguageModel, requests: Sequence[Request]
) -> Iterator[tuple[int, Answer]]:
    """The answers to `requests`, many at once, each with its number, as they end.

    Raises EdgemedError, with the one of `places` (file and line), where the engine breaks.
    """
    with closing(ask_many(model, requests)) as answers:
        for number, answer in answers:
            try:
                refuse_broken(answer)
            except ModelError as error:
                raise named(places[number], error) from None
            yield number, answer
