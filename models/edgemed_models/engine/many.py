"""Many requests at once: in each decode every running answer gets its next token.

Reading the weights takes most of a decode, and it takes as long for one token as for several. A
place whose answer ended is taken by the next request at once. What all prompts begin with is read
once.

Each answer is chosen, ended and cut as in `loop`. A prompt is read by itself, in the same
batches as in `loop`, since llama.cpp rounds differently with other batches; so only whole batches
are shared. A number can then differ from that of a single request only where llama.cpp computes a
row differently beside others: without flash attention, or in matrix kernels for several rows.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edgemed_models.base import Done, Event, Failed, ModelError, Piece, Prefill, StopReason, Timings
from edgemed_models.engine.loop import TokenText
from edgemed_models.engine.loops import Loops
from edgemed_models.engine.sampling import Sampler
from edgemed_models.engine.sequences import FIRST, Sequences
from edgemed_models.engine.weights import Weights

OFTEN = 1.0  # seconds between two pieces of one answer: each event wakes the client

Numbered = tuple[int, Event]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request ready to be read: its number, its prompt's ids and how its answer is chosen."""

    number: int
    prompt: list[int]
    limit: int
    sampler: Sampler
    loops: Loops | None = None

    @property
    def most(self) -> int:
        """Tokens of the prompt and of the longest answer."""
        return len(self.prompt) + self.limit


@dataclass(slots=True)
class Running:
    """A request that is being answered: how much of its prompt is read, and what it has written."""

    ask: Ask
    sequence: int
    kept: int
    text: TokenText
    read: int = 0
    written: int = 0
    token: int | None = None  # chosen, and to be read next
    began: float = field(default_factory=time.perf_counter)
    answering: float = 0.0
    told: float = 0.0

    def timings(self) -> Timings:
        """Tokens, and seconds since its start, in which others were answered too."""
        now = time.perf_counter()
        begin = self.answering or now
        return Timings(self.read, begin - self.began, self.written, now - begin, self.kept)


def generate(weights: Weights, pool: Sequences, asks: Sequence[Ask]) -> Iterator[Numbered]:
    """The events of all `asks`: of each one Prefill..., Piece..., then one Done or Failed.

    Each ask must fit into the pool. On a stop all that have not ended are cancelled.
    """
    if not asks:
        return
    waiting, running, shared = deque(asks), list[Running](), shared_start(asks, pool.batch_size)
    places, free = deque(range(FIRST + 1, FIRST + 1 + pool.count)), pool.size - shared
    going = read_shared(pool, asks[0].prompt[:shared])
    while going and (waiting or running):
        while places and waiting and waiting[0].most - shared <= free:
            ask = waiting.popleft()
            free -= ask.most - shared
            one = Running(ask, places.popleft(), shared, TokenText(weights), shared)
            if shared:
                pool.branch(one.sequence)
            running.append(one)
            yield ask.number, Prefill(shared, len(ask.prompt), 0.0, shared)
        rows = fill(pool, running)
        if not (going := pool.decode()):
            break
        for one, row in rows:
            for event in moved(weights, pool, one, row):
                yield one.ask.number, event
                if isinstance(event, Done | Failed):
                    running.remove(one)
                    pool.drop(one.sequence)
                    places.append(one.sequence)
                    free += one.ask.most - shared
    for one in running:
        for event in ended(one, "cancelled"):
            yield one.ask.number, event
    for ask in waiting:
        yield ask.number, Done("cancelled", Timings(0, 0.0, 0, 0.0))


def shared_start(asks: Sequence[Ask], batch: int) -> int:
    """How many tokens all prompts begin with, in whole batches of `batch` tokens."""
    first, last = min(a.prompt for a in asks), max(a.prompt for a in asks)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    most = min(len(ask.prompt) for ask in asks) - 1  # the last token is read for its logits
    same = most if same is None else min(same, most)
    return same // batch * batch if len(asks) > 1 else 0


def read_shared(pool: Sequences, tokens: list[int]) -> bool:
    """Read what all prompts begin with into the first sequence; False on a stop."""
    for at in range(0, len(tokens), pool.batch_size):
        pool.put(FIRST, tokens[at : at + pool.batch_size], at, wanted=False)
        if not pool.decode():
            return False
    return True


def fill(pool: Sequences, running: Sequence[Running]) -> list[tuple[Running, int]]:
    """Fill the batch: with the next of the first prompt that is not read yet, or else with a token
    of every answer.

    Returns who is in it with the row of its last token.
    """
    for one in running:
        if one.token is None:
            tokens = one.ask.prompt[one.read : one.read + pool.batch_size]
            whole = one.read + len(tokens) == len(one.ask.prompt)
            row = pool.put(one.sequence, tokens, one.read, whole)
            one.read += len(tokens)
            return [(one, row)]
    rows = []
    for one in running:
        assert one.token is not None
        at = one.read + one.written - 1
        rows.append((one, pool.put(one.sequence, [one.token], at, wanted=True)))
    return rows


def moved(weights: Weights, pool: Sequences, one: Running, row: int) -> Iterator[Event]:
    """The result of a decode for one request: progress in its prompt, or its next token."""
    ask = one.ask
    if one.token is None:
        yield Prefill(one.read, len(ask.prompt), time.perf_counter() - one.began, one.kept)
        if one.read < len(ask.prompt):
            return
        one.answering = time.perf_counter()
    try:
        token = ask.sampler.choose(pool.logits(row))
    except ModelError as error:  # its grammar failed: the others continue
        yield Failed(error.message, error.hint)
        return
    if weights.ends(token):
        yield from ended(one, "stop")
        return
    one.token, one.written = token, one.written + 1
    one.text.add(token)
    if ask.loops is not None and ask.loops.add(token, text_of(weights, token)):
        yield from ended(one, "loop")
    elif one.written == ask.limit:
        yield from ended(one, "length")
    elif (now := time.perf_counter()) - one.told > OFTEN:
        one.told = now
        yield from one.text.pieces()


def text_of(weights: Weights, token: int) -> str:
    """A token's text, for the detection of loops."""
    return weights.piece(token).decode("utf-8", "replace")


def ended(one: Running, reason: StopReason) -> Iterator[Piece | Done]:
    """The rest of an answer's text, and its end."""
    yield from one.text.pieces(last=True)
    yield Done(reason, one.timings())
