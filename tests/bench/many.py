"""Many at once against one by one, and against a bare loop over llama_decode.

    python -m tests.bench.many MODEL.gguf --data FOLDER
    python -m tests.bench.many MODEL.gguf --data FOLDER --task ifeval:256 --sequences 4 16 --pairs 5

For each task so many items are asked, greedily: one by one with `generate`, and with
`generate_many` at each number of sequences. The bare loop replays the very batches of the engine in
this process: the same tokens of the same sequences at the same places, the same branches and drops,
llama_decode and nothing else; no token is chosen, nothing is counted or sent. One by one, many and
bare take turns within a pair, and the ratios of a pair are taken from runs that stand beside each
other. Printed are medians of `--pairs` pairs, with the least and the greatest. On a machine that
does other work as well, `--clock cpu` counts the processor's seconds instead of the wall's (give
one thread: threads that wait for each other count too).

Answers that differ from one by one are counted. For each the bench looks at the place where the two
part, at the logits of the model alone: how far the token of its own is above that of the other
answer. Rounding can turn a close call only. Beside them stands how many answers of one by one
differ from themselves when prompts are read in batches of half the size: rounding alone.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.engine.worker import WAITING

os.environ |= {name: value for name, value in WAITING.items() if name not in os.environ}

import numpy as np
import numpy.typing as npt
from edgemed_models.answer import Answer, ask, ask_many
from edgemed_models.base import Request
from edgemed_models.engine import binding, loop, many
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.loaded import LoadedModel
from edgemed_models.engine.renderer import Renderer
from edgemed_models.engine.sampling import Sampler
from edgemed_models.engine.sequences import Sequences
from edgemed_models.engine.settings import EngineSettings

from edgemed.evals.examining import prompts
from edgemed.evals.tasks.items import sampled
from edgemed.evals.tasks.loaders import load
from edgemed.evals.tasks.task import read_task

ROOM = 4096  # tokens of a prompt and its answer


Clock = Callable[[LlamaModel | None], float]


class Recorder(Sequences):
    """Remembers what it was told to do."""

    steps: list[tuple[Any, ...]]

    def put(self, sequence: int, tokens: list[int], at: int, wanted: bool) -> int:
        self.steps.append(("put", sequence, list(tokens), at, wanted))
        return super().put(sequence, tokens, at, wanted)

    def decode(self) -> bool:
        self.steps.append(("decode",))
        return super().decode()

    def branch(self, sequence: int) -> None:
        self.steps.append(("branch", sequence))
        super().branch(sequence)

    def drop(self, sequence: int) -> None:
        self.steps.append(("drop", sequence))
        super().drop(sequence)


class Noting(Sampler):
    """Remembers the tokens that it chose."""

    tokens: list[int]

    def choose(self, logits: npt.NDArray[np.float32]) -> int:
        self.tokens.append(super().choose(logits))
        return self.tokens[-1]


class Bare:
    """The batches of a recorded run, ready to be decoded again."""

    def __init__(self, settings: EngineSettings, requests: Sequence[Request]) -> None:
        self.worker = LoadedModel(settings, Renderer())
        asks = [self.noting(n, request) for n, request in enumerate(requests)]
        longest = max(ask.most for ask in asks)
        count = min(settings.sequences, len(asks))
        size = min(-(-count * longest // 256) * 256, settings.sequences * settings.context)
        self.made = (self.worker.weights, settings, size, count, binding.StopFlag())
        pool = Recorder(*self.made)
        pool.steps = []
        for _ in many.generate(self.worker.weights, pool, asks):
            continue
        self.steps, self.asks = pool.steps, asks
        pool.free()

    def noting(self, number: int, request: Request) -> many.Ask:
        """A request as the worker makes it ready, with a sampler that remembers."""
        sampler = Noting(self.worker.weights, 0.0, 0, None)
        sampler.tokens = []
        return replace(self.worker.ready(number, request), sampler=sampler)

    def gap(self, number: int) -> float:
        """How close a call was where the answer parts from that of the model alone: the alone
        model's logit of its own token less that of the other one. 0 where they are the same."""
        ask, weights = self.asks[number], self.worker.weights
        assert isinstance(ask.sampler, Noting)
        context = self.worker.room(ask.most)
        for _ in loop.read(context, ask.prompt, context.keep(ask.prompt)):
            continue
        for place, other in enumerate(ask.sampler.tokens):
            logits = context.logits(-1)
            token = int(logits.argmax())
            if token != other:
                return float(logits[token] - logits[other])
            if weights.ends(token) or not context.step(token, len(ask.prompt) + place):
                break
        return 0.0

    def seconds(self, clock: Callable[[], float]) -> float:
        """Seconds of the same decodes alone: batches are filled outside of the clock."""
        pool, spent = Sequences(*self.made), 0.0
        llama, context, memory = binding.llama, pool.context, pool.memory
        for what, *given in self.steps:
            if what == "put":
                pool.put(*given)
                continue
            pool.batch.n_tokens = pool.filled
            start = clock()
            if what == "decode":
                llama.llama_decode(context, pool.batch)
                llama.llama_synchronize(context)
            elif what == "branch":
                llama.llama_memory_seq_cp(memory, 0, given[0], -1, -1)
            else:
                llama.llama_memory_seq_rm(memory, given[0], -1, -1)
            spent += clock() - start
            if what == "decode":
                pool.clear()
        pool.free()
        return spent

    def close(self) -> None:
        self.worker.free()


class Run(NamedTuple):
    """Seconds of a run and its answers."""

    seconds: float
    answers: list[Answer]

    @property
    def tokens(self) -> int:
        return sum(answer.tokens for answer in self.answers)


def one_by_one(model: LlamaModel, requests: Sequence[Request], clock: Clock) -> Run:
    start = clock(model)
    answers = [ask(model, request) for request in requests]
    return Run(clock(model) - start, answers)


def at_once(model: LlamaModel, requests: Sequence[Request], clock: Clock) -> Run:
    start = clock(model)
    found = dict(ask_many(model, requests))
    return Run(clock(model) - start, [found[n] for n in range(len(requests))])


def wall(model: LlamaModel | None = None) -> float:
    """Seconds that pass."""
    return time.perf_counter()


def cpu(model: LlamaModel | None = None) -> float:
    """Processor seconds of this process and of a model's worker, from Linux's /proc."""
    own = time.process_time()
    if model is None:
        return own
    fields = Path(f"/proc/{model.pid}/stat").read_text().rpartition(")")[2].split()
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def differing(one: Run, other: Run) -> int:
    """How many answers of two runs differ."""
    return sum(a.text != b.text for a, b in zip(one.answers, other.answers, strict=True))


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Median, least and greatest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{form.format(middle)} ({form.format(low)} to {form.format(high)})"


def requests_of(name: str, data: Path, limit: int, seed: int) -> list[Request]:
    """The requests of a task's items; `name` is TASK:TOKENS, the most tokens of an answer."""
    task_name, _, tokens = name.partition(":")
    task = read_task(task_name)
    items = sampled(load(task, data), task.name, seed, limit)
    firsts = [next(prompts(task, item)) for item in items]
    return [Request(prompt.messages, int(tokens or task.max_tokens)) for prompt in firsts]


def measure(settings: EngineSettings, requests: list[Request], args: argparse.Namespace) -> None:
    """The lines of one task."""
    clock: Clock = cpu if args.clock == "cpu" else wall
    single = LlamaModel(replace(settings, sequences=1))
    base = one_by_one(single, requests, clock)  # also warms the file's pages
    read = sum(answer.timings["prompt_tokens"] for answer in base.answers)
    print(f"  {len(requests)} items, {read} tokens to read, {base.tokens} written one by one")
    halved = LlamaModel(replace(settings, batch=args.batch // 2))
    other = one_by_one(halved, requests, clock)
    halved.close()
    print(
        f"  {differing(base, other)} answers differ where one by one reads batches of "
        f"{args.batch // 2}"
    )
    for count in args.sequences:
        settings = replace(settings, sequences=count)
        crowd, bare = LlamaModel(settings), Bare(settings, requests)
        gains, shares, alone, together = [], [], [], []
        for _ in range(args.pairs):
            runs = one_by_one(single, requests, clock), at_once(crowd, requests, clock)
            floor = bare.seconds(lambda: clock(None))
            alone.append(runs[0].seconds)
            together.append(runs[1].seconds)
            rates = [run.tokens / run.seconds for run in runs]
            gains.append(rates[1] / rates[0])
            shares.append(floor / runs[1].seconds)
        gaps = [gap for n in range(len(requests)) if (gap := bare.gap(n))]
        kept = runs[1].answers[0].timings.get("kept_tokens", 0)
        print(
            f"  {count:3} at once: {spread(alone, '{:.1f}')} s one by one, "
            f"{spread(together, '{:.1f}')} s at once; gain {spread(gains)}; "
            f"of the bare loop {spread(shares)}; {kept} tokens shared; "
            f"{differing(base, runs[1])} of {len(requests)} answers differ"
        )
        if gaps:
            print(f"      where they part, logits are {spread(gaps, '{:.3f}')} apart")
        sys.stdout.flush()
        crowd.close()
        bare.close()
    single.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder of `edgemed eval`")
    parser.add_argument("--task", nargs="+", default=["mts-dialog:16", "ifeval:256"])
    parser.add_argument("--limit", type=int, default=24)
    parser.add_argument("--sequences", type=int, nargs="+", default=[8])
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    settings = EngineSettings(str(args.model), ROOM, args.threads, batch=args.batch)
    quiet = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # llama.cpp's log of this process
    for name in args.task:
        print(f"{name}, {args.threads} threads, batches of {args.batch}, {args.pairs} pairs")
        measure(settings, requests_of(name, args.data, args.limit, args.seed), args)
    os.dup2(quiet, 2)


if __name__ == "__main__":
    main()
