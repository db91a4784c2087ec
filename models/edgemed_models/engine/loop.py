"""The decode loop: ids in, events out. Prefill in batches, then one token at a time.

Knows token ids, logits and time; nothing of templates, processes or notes. Between two requests
the cache is cleared; keeping a shared prefix would begin in `read`.
"""

import codecs
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edgemed_models.base import Done, Event, Piece, Prefill, Reason, Timings
from edgemed_models.engine.binding import OUTPUTS, Context, Sampler, Weights


def generate(
    weights: Weights, context: Context, sampler: Sampler, prompt: Sequence[int], limit: int
) -> Iterator[Event]:
    """Read `prompt`, then write at most `limit` tokens: Prefill..., Piece..., one Done."""
    start = time.perf_counter()
    done = 0
    yield Prefill(0, len(prompt), 0.0)
    for done in read(context, prompt):
        yield Prefill(done, len(prompt), time.perf_counter() - start)
    begin = time.perf_counter()
    written = 0
    if done < len(prompt):
        yield Done("cancelled", Timings(done, begin - start, 0, 0.0))
        return
    text = codecs.getincrementaldecoder("utf-8")("replace")
    reason: Reason = "length"
    while written < limit:
        token = sampler.choose(context.logits(-1))
        if weights.ends(token):
            reason = "stop"
            break
        written += 1
        if piece := text.decode(weights.piece(token)):
            yield Piece(piece)
        if written < limit and not context.decode([token], len(prompt) + written - 1, 1):
            reason = "cancelled"
            break
    if rest := text.decode(b"", final=True):
        yield Piece(rest)
    yield Done(reason, Timings(len(prompt), begin - start, written, time.perf_counter() - begin))


def read(context: Context, prompt: Sequence[int]) -> Iterator[int]:
    """Fill the cache with `prompt` batch by batch; yields how much is read, ends early on a stop.

    Only the very last token asks for logits.
    """
    context.clear()
    size = context.batch_size
    for at in range(0, len(prompt), size):
        batch = prompt[at : at + size]
        last = at + len(batch) == len(prompt)
        if not context.decode(batch, at, 1 if last else 0):
            return
        yield at + len(batch)


def score(context: Context, prompt: Sequence[int], answer: Sequence[int]) -> list[float]:
    """Natural-log probability of each id of `answer` after `prompt`; fewer if stopped."""
    for done in read(context, prompt):
        if done == len(prompt):
            break
    else:
        return []
    found = [log_probability(context.logits(-1), answer[0])]
    step = min(OUTPUTS, context.batch_size)
    for at in range(0, len(answer) - 1, step):
        batch = answer[at : min(at + step, len(answer) - 1)]
        if not context.decode(batch, len(prompt) + at, len(batch)):
            return []
        for row, token in enumerate(answer[at + 1 : at + 1 + len(batch)]):
            found.append(log_probability(context.logits(row), token))
    return found


def log_probability(logits: npt.NDArray[np.float32], token: int) -> float:
    """log softmax of `logits` [vocabulary] at `token`, summed in float64."""
    wide = logits.astype(np.float64)
    top = float(wide.max())
    return float(wide[token] - top - np.log(np.exp(wide - top).sum()))
