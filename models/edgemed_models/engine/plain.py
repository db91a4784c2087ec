"""Continues a plain text: its echo, and log-probabilities of its tokens and of new ones.

Without either it is the loop of `loop`. Where tokens are scored, each comes as a piece of its own.
"""

import codecs
import time
from collections.abc import Generator, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from edgemed_models.base import Done, Event, Piece, Prefill, Scored, StopReason, Timings
from edgemed_models.engine import loop
from edgemed_models.engine.context import LlamaContext
from edgemed_models.engine.loops import Loops
from edgemed_models.engine.sampling import Sampler
from edgemed_models.engine.weights import Weights


def generate(
    weights: Weights,
    context: LlamaContext,
    sampler: Sampler,
    prompt: Sequence[int],
    limit: int,
    loops: Loops | None,
    echo: bool,
    top: int | None,
    given: bool,
) -> Iterator[Event]:
    """Prefill..., Piece..., one Done; with `echo` the first piece is the prompt.

    The token that ends the text has a score too, and no text: programs that score an answer as the
    end of an echo leave the last token out, which is the one that was written after it.

    `given`: the prompt came as tokens, so that a begin token in it is one of them; otherwise
    it was added for the model, and is not part of the echo.
    """
    if top is not None:
        ours = int(not given and prompt[0] == weights.begin())
        yield from scored(Scorer(weights, top), context, sampler, prompt, limit, loops, echo, ours)
        return
    if echo:
        yield Piece(b"".join(map(weights.piece, prompt)).decode("utf-8", "replace"), 0)
    yield from loop.generate(weights, context, sampler, prompt, limit, loops)


def scored(
    scorer: "Scorer",
    context: LlamaContext,
    sampler: Sampler,
    prompt: Sequence[int],
    limit: int,
    loops: Loops | None,
    echo: bool,
    ours: int,
) -> Iterator[Event]:
    """The same with the score of every token; the first `ours` of the prompt are not echoed."""
    start, read = time.perf_counter(), 0
    context.clear()
    scores: list[Scored] = []
    for read in score_prompt(scorer, context, prompt, scores, echo):
        yield Prefill(read, len(prompt), time.perf_counter() - start)
    begin = time.perf_counter()
    if read < len(prompt):
        yield Done("cancelled", Timings(read, begin - start, 0, 0.0))
        return
    if echo:
        yield Piece(scorer.begun, 0, tuple(scores[ours:]))
    reason, written = yield from answer(scorer, context, sampler, len(prompt), limit, loops)
    if rest := scorer.fresh(last=True):
        yield Piece(rest, 0)
    spent = time.perf_counter() - begin
    yield Done(reason, Timings(len(prompt), begin - start, written, spent))


def answer(
    scorer: "Scorer",
    context: LlamaContext,
    sampler: Sampler,
    at: int,
    limit: int,
    loops: Loops | None,
) -> Generator[Event, None, tuple[StopReason, int]]:
    """The tokens of the answer from position `at` on; why it ended, and how many they are."""
    weights = scorer.weights
    for written in range(1, limit + 1):
        logits = context.logits(-1)
        token = sampler.choose(logits)
        if weights.ends(token):
            yield Piece("", 0, (scorer.take(token, logits),))
            return "stop", written - 1
        score = scorer.take(token, logits)
        yield Piece(scorer.fresh(), 1, (score,))
        if loops is not None and loops.add(token, weights.piece(token).decode("utf-8", "replace")):
            return "loop", written
        if written < limit and not context.step(token, at + written - 1):
            return "cancelled", written
    return "length", max(limit, 0)


def score_prompt(
    scorer: "Scorer",
    context: LlamaContext,
    prompt: Sequence[int],
    scores: list[Scored],
    wanted: bool,
) -> Iterator[int]:
    """Read `prompt`; with `wanted` put the scores of its tokens into `scores`. Yields how many
    tokens are read; ends early on a stop."""
    if not wanted:
        yield from loop.read(context, prompt, 0)
        return
    scores.append(scorer.take(prompt[0], None))
    for at in range(0, len(prompt), context.outputs):
        batch = prompt[at : at + context.outputs]
        if not context.decode(batch, at, len(batch)):
            return
        for row, token in enumerate(prompt[at + 1 : at + 1 + len(batch)]):
            scores.append(scorer.take(token, context.logits(row)))
        yield at + len(batch)
    scorer.begun = scorer.fresh()


class Scorer:
    """The text of the tokens, with each token's log-probability and place."""

    def __init__(self, weights: Weights, top: int) -> None:
        self.weights, self.top = weights, top
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.waiting: list[str] = []
        self.length = 0
        self.begun = ""

    def take(self, token: int, logits: npt.NDArray[np.float32] | None) -> Scored:
        """The next token, chosen at `logits`: [vocabulary]; None if nothing comes before it."""
        offset = self.length
        text = self.decoder.decode(self.weights.piece(token))
        self.waiting.append(text)
        self.length += len(text)
        if logits is None:
            return Scored(self.name(token), offset, None)
        logs = log_softmax(logits)
        best = np.argpartition(logs, -self.top)[-self.top :] if self.top else np.empty(0, np.int64)
        ranked = best[np.argsort(-logs[best], kind="stable")]
        top = tuple((self.name(int(i)), float(logs[i])) for i in ranked)
        return Scored(self.name(token), offset, float(logs[token]), top)

    def name(self, token: int) -> str:
        """A token's text; its bytes where they are not whole characters; a control token's name."""
        data = self.weights.piece(token) or self.weights.special_text(token).encode()
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)

    def fresh(self, last: bool = False) -> str:
        """The text since the last call."""
        if last:
            self.waiting.append(self.decoder.decode(b"", True))
        text = "".join(self.waiting)
        self.waiting.clear()
        return text


def log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The natural logarithm of each token's probability, summed in float64."""
    wide = logits.astype(np.float64) - float(logits.max())
    found: npt.NDArray[np.float64] = wide - np.log(np.exp(wide).sum())
    return found
