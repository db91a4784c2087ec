"""Asks a model every case, greedily and with the same settings for every file of a sweep."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from edgemed_models.answer import Answer, ask
from edgemed_models.base import ModelError, Request
from edgemed_models.engine.client import LlamaModel, Process
from edgemed_models.engine.settings import Settings

from edgemed.errors import EdgemedError, Refused
from edgemed.evals.cases import SweepCase
from edgemed.gguf import open_model
from edgemed.local_models.loading import (
    Options,
    bare_settings,
    plan_model,
    settings_for,
    shape_of,
    start,
    started_ahead,
    translated,
)


def planned_settings(
    path: Path, cases: Sequence[SweepCase], options: Options, max_tokens: int
) -> Settings:
    """How to load `path` so that every case and its answer fit. Raises Refused with the line."""
    with started_ahead() as process:
        most = longest(path, cases, options, max_tokens, process)
    return settings_for(path, options, plan_model(open_model(path), options, most))


def longest(
    path: Path, cases: Sequence[SweepCase], options: Options, max_tokens: int, process: Process
) -> int:
    """Tokens of the longest prompt with its answer, counted with the vocabulary only."""
    room = options.context or shape_of(open_model(path)).train_context
    model = start(replace(bare_settings(path, options), vocab_only=True), process)
    try:
        counts = [counted(model, case) for case in cases]
    finally:
        model.close()
    for case, count in zip(cases, counts, strict=True):
        if count + max_tokens > room:
            raise Refused(
                f"{case.where}: {count} tokens to read and {max_tokens} to write do not fit into "
                f"the context of {room}",
                "shorten the case, lower --max-tokens or raise --context",
            )
    return max(counts) + max_tokens


def counted(model: LlamaModel, case: SweepCase) -> int:
    """Tokens of a case's prompt. Raises EdgemedError if the chat template refuses it."""
    try:
        return model.count(case.messages)
    except ModelError as error:
        raise named(case, error) from None


def named(case: SweepCase, error: ModelError) -> EdgemedError:
    """An engine's error, with the line of the case."""
    told = translated(error)
    told.message = f"{case.where}: {told.message}"
    return told


def examined(
    settings: Settings, cases: Sequence[SweepCase], max_tokens: int, tell: Callable[[int], None]
) -> tuple[dict[str, list[float]], int]:
    """The scores of a file's greedy answers by axis, and how many were cut at `max_tokens`."""
    worths, cut = defaultdict(list), 0
    model = start(settings)
    try:
        for number, case in enumerate(cases, 1):
            answer = answered(model, case, max_tokens)
            worths[case.axis].append(case.worth(answer.text, answer.complete))
            cut += not answer.complete
            tell(number)
    finally:
        model.close()
    return dict(worths), cut


def answered(model: LlamaModel, case: SweepCase, max_tokens: int) -> Answer:
    """The greedy answer to a case. Raises EdgemedError where the engine breaks."""
    try:
        return ask(model, Request(case.messages, max_tokens))
    except ModelError as error:
        raise named(case, error) from None
