"""The decode loop: ids in, events out. Prefill in batches, then one token at a time.

Knows token ids, logits and time; nothing of templates, processes or notes. The start that a prompt
shares with the one before stays in the cache and is not read again; where later prompts begin with
the same text, reading pauses at its end, so that all of it is kept.
"""

import codecs
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edgemed_models.base import Done, Event, Piece, Prefill, StopReason, Timings
from edgemed_models.engine.context import LlamaContext
from edgemed_models.engine.loops import Loops
from edgemed_models.engine.sampling import Sampler
from edgemed_models.engine.weights import Weights

OFTEN = 0.05  # seconds: faster tokens are sent together, because each event wakes the client


def generate(
    weights: Weights,
    context: LlamaContext,
    sampler: Sampler,
    prompt: Sequence[int],
    limit: int,
    loops: Loops | None = None,
    pause: int = 0,
) -> Iterator[Event]:
    """Read `prompt`, then write at most `limit` tokens: Prefill..., Piece..., one Done.

    Where `loops` is given, an answer that repeats itself ends. Reading pauses at token `pause`.
    """
    start = time.perf_counter()
    done = kept = context.keep(prompt, pause)
    yield Prefill(done, len(prompt), 0.0, kept)
    for done in read(context, prompt, kept):
        yield Prefill(done, len(prompt), time.perf_counter() - start, kept)
    begin = time.perf_counter()
    if done < len(prompt):
        yield Done("cancelled", Timings(done, begin - start, 0, 0.0, kept))
        return
    text, told = TokenText(weights), 0.0
    reason: StopReason = "length"
    written = 0
    while written < limit:
        token = sampler.choose(context.logits(-1))
        if weights.ends(token):
            reason = "stop"
            break
        written += 1
        text.add(token)
        if (now := time.perf_counter()) - told > OFTEN:
            told = now
            yield from text.pieces()
        if loops is not None and loops.add(token, weights.piece(token).decode("utf-8", "replace")):
            reason = "loop"
            break
        if written < limit and not context.step(token, len(prompt) + written - 1):
            reason = "cancelled"
            break
    yield from text.pieces(last=True)
    spent = time.perf_counter() - begin
    yield Done(reason, Timings(len(prompt), begin - start, written, spent, kept))


class TokenText:
    """Collects tokens until they form whole characters; several tokens become one piece."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.waiting: list[int] = []
        self.add = self.waiting.append
        self.tokens = 0

    def pieces(self, last: bool = False) -> Iterator[Piece]:
        """The text since the last piece, if it has at least one whole character."""
        data = b"".join(map(self.weights.piece, self.waiting))
        self.tokens += len(self.waiting)
        self.waiting.clear()
        if text := self.decoder.decode(data, last):
            yield Piece(text, self.tokens)
            self.tokens = 0


def read(context: LlamaContext, prompt: Sequence[int], kept: int) -> Iterator[int]:
    """Read `prompt` from token `kept` on into the cache; yields how many tokens are read.

    Batch by batch, also where the reading pauses; ends early on a stop. Only the last token asks
    for logits.
    """
    at = kept
    while at < len(prompt):
        end = at + context.batch_size
        batch = prompt[at : min(end, context.pause) if at < context.pause else end]
        last = at + len(batch) == len(prompt)
        if not context.decode(batch, at, 1 if last else 0):
            return
        at += len(batch)
        yield at


def score(context: LlamaContext, prompt: Sequence[int], answer: Sequence[int]) -> list[float]:
    """Natural-log probability of each id of `answer` after `prompt`; fewer values if stopped."""
    for done in read(context, prompt, context.keep(prompt)):
        if done == len(prompt):
            break
    else:
        return []
    found = [log_probability(context.logits(-1), answer[0])]
    for at in range(0, len(answer) - 1, context.outputs):
        batch = answer[at : min(at + context.outputs, len(answer) - 1)]
        if not context.decode(batch, len(prompt) + at, len(batch)):
            return []
        for row, token in enumerate(answer[at + 1 : at + 1 + len(batch)]):
            found.append(log_probability(context.logits(row), token))
    return found


def rows(context: LlamaContext, ids: Sequence[int]) -> Iterator[npt.NDArray[np.float32]]:
    """The logits after every id but the last, f32 [some, vocabulary]; ends early on a stop.

    Rows are a copy. Nothing is reused from an earlier request or for a later one.
    """
    context.clear()
    for at in range(0, len(ids) - 1, context.outputs):
        batch = ids[at : min(at + context.outputs, len(ids) - 1)]
        if not context.decode(batch, at, len(batch)):
            return
        yield np.stack([context.logits(row) for row in range(len(batch))])


def log_probability(logits: npt.NDArray[np.float32], token: int) -> float:
    """log softmax of `logits` [vocabulary] at `token`, summed in float64."""
    wide = logits.astype(np.float64)
    top = float(wide.max())
    return float(wide[token] - top - np.log(np.exp(wide - top).sum()))
