"""Perplexity: how well a model predicts a text; divergence: how far another model differs on it.

Perplexity: exp of the mean surprise in nats of every token after the first of a piece. Divergence
from a parent, after every token of a piece but the last, with P the parent's next-token
distribution and Q the model's: KL(P | Q) = sum P (log P - log Q) in nats, in float32; and whether
the likeliest next token is the same. Distributions are whole, over the vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
from edgemed_models.base import ModelError
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.reading import Reader
from numpy.typing import NDArray

from edgemed.errors import Refused
from edgemed.evals.measures import Counts
from edgemed.evals.tasks.items import Item
from edgemed.gguf import open_model
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

F32 = NDArray[np.float32]
VOCABULARY = ("tokenizer.ggml.model", "tokenizer.ggml.tokens")


def surprise(model: Reader, text: str) -> dict[str, Counts]:
    """Nats and tokens, bits and bytes of a text. The first token has nothing before it to go by, so
    it counts only after a token that begins texts, where the model has one."""
    scores = model.text_scores(model.text_ids(text))
    nats, count = -sum(scores), float(len(scores))
    return {"perplexity": (nats, count), "bits": (nats / log(2), float(len(text.encode())))}


def divergence(model: Reader, parent: Reader, text: str) -> dict[str, Counts]:
    """KL after every token, as values, and how often the likeliest next token is the same."""
    ids = model.text_ids(text)
    if ids != parent.text_ids(text):
        raise ModelError(
            "the two models divide the text into different tokens",
            "compare models with one vocabulary",
        )
    if len(ids) < 2:
        return {"kl": (), "same-top": (0.0, 0.0)}
    kl: list[float] = []
    same = 0
    for ours, theirs in zip(model.text_logits(ids), parent.text_logits(ids), strict=True):
        values, tops = apart(ours, theirs)
        kl += map(float, values)
        same += int(tops.sum())
    return {"kl": tuple(kl), "same-top": (float(same), float(len(kl)))}


def apart(ours: F32, theirs: F32) -> tuple[F32, NDArray[np.bool_]]:
    """KL(theirs | ours) of each row of logits f32 [rows, vocabulary], and whether tops agree."""
    log_p, log_q = logs_of(theirs), logs_of(ours)
    kl = (np.exp(log_p) * (log_p - log_q)).sum(axis=1, dtype=np.float32)
    return np.maximum(kl, np.float32(0)), ours.argmax(axis=1) == theirs.argmax(axis=1)


def logs_of(logits: F32) -> F32:
    """Log softmax of each row, in float32."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float32)


def reading_settings(
    path: Path, texts: Sequence[tuple[str, str]], options: Options
) -> EngineSettings:
    """How to load `path` so that every (place, text) fits. Raises Refused with the place."""
    options = replace(options, scores_texts=True)
    with started_ahead() as process:
        model = start(replace(bare_settings(path, options), vocab_only=True), process)
        try:
            counts = list(counted(model, texts))
        finally:
            model.close()
    room = options.context or shape_of(open_model(path)).train_context
    for (where, _), count in zip(texts, counts, strict=True):
        if count > room:
            raise Refused(
                f"{where}: {count} tokens do not fit into the context of {room}",
                "give a larger context",
            )
    return settings_for(path, options, plan_model(open_model(path), options, max(counts)))


def counted(model: Reader, texts: Sequence[tuple[str, str]]) -> Iterator[int]:
    """Tokens of each text; EdgemedError, with its place, for one that cannot be written."""
    for where, text in texts:
        try:
            yield len(model.text_ids(text))
        except ModelError as error:
            told = translated(error)
            told.message = f"{where}: {told.message}"
            raise told from None


def places(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Place and text of each item."""
    return [(item.where, item.fields["text"]) for item in items]


def refuse_other_vocabulary(path: Path, parent: Path) -> None:
    """Refused unless both models have the same tokens: distributions need the same entries."""
    one, other = (open_model(p).metadata for p in (path, parent))
    for key in VOCABULARY:
        if not np.array_equal(np.asarray(one.get(key)), np.asarray(other.get(key))):
            raise Refused(
                f"{path.name} and {parent.name} have different vocabularies",
                "divergence is measured between models with one vocabulary",
            )
