"""What the engine costs over a bare llama.cpp loop with the same settings, and how fast it starts.

    python -m tests.bench.engine                    the scale model and a random one of 100 million
    python -m tests.bench.engine --shape 1b --pairs 9          a synthetic Q4_K_M of 1.2 billion
    python -m tests.bench.engine --model MODEL.gguf --pairs 15 --threads 2

Pairs are interleaved: the engine (client, pipe, worker, template, tokenizer, events) and a plain
loop over llama_decode in this process read the same number of tokens and write the same number.
No two prompts share a beginning, so nothing is kept from one to the next. Prints medians with the
interval that holds the true median with 95 % confidence (order statistics of the ratios). The
start is that of the whole command, until the first character of a draft of the scale model.
"""

import argparse
import ctypes
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgemed_models.engine.worker import WAITING

os.environ |= {name: value for name, value in WAITING.items() if name not in os.environ}

import llama_cpp.llama_cpp as llama
from edgemed_models.base import Done, Message, Prefill, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.scale import path_of

from edgemed.local_models.demonstration import HEADING
from tests.bench import synthetic
from tests.models.random_model import Size, write_model

DATA = Path(os.environ.get("EDGEMED_DATA", Path(__file__).parents[3] / "shared" / "data"))
VOCABULARY = DATA / "vocab" / "ggml-vocab-llama-bpe.gguf"
PLAIN = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
NOTE = (
    "CHIEF COMPLAINT: Chest pain.\nHPI: 64 year old man with pain since Monday. Denies fever.\n"
    "Medications: aspirin 81 mg daily, lisinopril 10 mg daily.\nAllergies: penicillin.\n"
)


class Load(NamedTuple):
    """A model to time, and how much of it: words to read, tokens to write."""

    path: Path
    words: int
    tokens: int


class Speed(NamedTuple):
    """Tokens per second."""

    prefill: float
    decode: float


class Bare:
    """llama.cpp alone: one context, batches of the same size, the greedy sampler."""

    def __init__(self, settings: EngineSettings, context: int) -> None:
        llama.llama_log_set(SILENT, None)
        llama.llama_backend_init()
        params = llama.llama_model_default_params()
        params.use_extra_bufts = settings.repack
        self.model = llama.llama_model_load_from_file(settings.path.encode(), params)
        options = llama.llama_context_default_params()
        options.n_ctx = context
        options.n_batch = options.n_ubatch = settings.batch
        options.n_threads = options.n_threads_batch = settings.threads
        self.context = llama.llama_init_from_model(self.model, options)
        self.sampler = llama.llama_sampler_init_greedy()
        self.batch = settings.batch

    def run(self, prompt: Sequence[int], wanted: int) -> Speed:
        """Read `prompt`, write `wanted` tokens."""
        start = time.perf_counter()
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        for at in range(0, len(prompt), self.batch):
            self.decode(prompt[at : at + self.batch])
        read = time.perf_counter()
        for number in range(wanted):
            token = llama.llama_sampler_sample(self.sampler, self.context, -1)
            if number + 1 < wanted:
                self.decode([token])
        wrote = time.perf_counter()
        return Speed(len(prompt) / (read - start), wanted / (wrote - read))

    def free(self) -> None:
        """Give its memory back."""
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)

    def decode(self, tokens: Sequence[int]) -> None:
        """One call of llama_decode."""
        ids = (llama.llama_token * len(tokens))(*tokens)
        code = llama.llama_decode(self.context, llama.llama_batch_get_one(ids, len(tokens)))
        if code:
            raise RuntimeError(f"llama_decode returned {code}")


@llama.llama_log_callback
def SILENT(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    """No log."""


def engine_run(model: LlamaModel, text: str, wanted: int) -> tuple[Speed, int, int]:
    """Speeds as the caller sees them, from the call to the last event; tokens read and written."""
    start = time.perf_counter()
    read, total = start, 0
    for event in model.generate(Request((Message("user", text),), max_tokens=wanted)):
        if isinstance(event, Prefill):
            read, total = time.perf_counter(), event.total
        if isinstance(event, Done):
            wrote = event.timings.answer_tokens
            speed = Speed(total / (read - start), wrote / (time.perf_counter() - read))
            return speed, total, wrote
    raise RuntimeError("the engine failed")


def pairs(model: LlamaModel, bare: Bare, load: Load, count: int) -> Iterator[Any]:
    """`count` pairs, their order alternating; two more before them warm up and are dropped."""
    words = asking(model, load)
    for number in range(count + 2):
        text = f"{number} {words}"
        total = model.count([Message("user", text)])
        if number % 2:
            engine, _, wrote = engine_run(model, text, load.tokens)
            plain = bare.run(ids_for(total), wrote)
        else:
            plain = bare.run(ids_for(total), load.tokens)
            engine, _, wrote = engine_run(model, text, load.tokens)
        if number > 1:
            yield engine, plain, total, wrote


def asking(model: LlamaModel, load: Load) -> str:
    """Words after which the model writes on: of some texts the one with the longest answer."""
    stock = ("patient has pain today", "list the drugs: a b c d", "once upon a time there was")
    texts = (" ".join((each.split() * load.words)[: load.words]) for each in stock)
    return max(texts, key=lambda text: engine_run(model, f"0 {text}", load.tokens)[2])


def ids_for(total: int) -> list[int]:
    """Ids to read: their number decides the time, not which they are."""
    return [300 + i % 200 for i in range(total)]


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Order statistics between which the median lies with about 95 % confidence (six or more)."""
    ordered, n = sorted(values), len(values)
    rank = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n)))
    return ordered[rank], ordered[n - 1 - rank]


def report(name: str, ours: Sequence[float], bare: Sequence[float]) -> dict[str, Any]:
    """One line: both medians, the ratio's median and its interval."""
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    low, high = interval(ratios)
    middle = statistics.median(ratios)
    print(
        f"{name}: engine {statistics.median(ours):.1f}/s, bare {statistics.median(bare):.1f}/s, "
        f"ratio {middle:.3f} [{low:.3f}, {high:.3f}] over {len(ratios)} pairs"
    )
    return {"name": name, "ratio": middle, "interval": [low, high], "pairs": len(ratios)}


def seconds_to_first_text(folder: Path) -> float:
    """From starting the command to the first character of the draft, everything included."""
    note = folder / "note.txt"
    note.write_text(NOTE)
    command = [sys.executable, "-m", "edgemed.cli.main", "summarize", str(note), "--demo"]
    command += ["--template", "soap", "--max-tokens", "8"]
    places = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("DATA", "CONFIG", "CACHE")}
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | places
    ) as process:
        assert process.stdout is not None
        process.stdout.read(len(f"{HEADING}\n\n") + 1)
        first = time.perf_counter() - start
        process.stdout.read()
    return first


def seconds_of_help() -> float:
    """`edgemed --help`, start to end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "edgemed.cli.main", "--help"], capture_output=True)
    return time.perf_counter() - start


def show_times(name: str, values: Sequence[float]) -> dict[str, Any]:
    """Median and interval of seconds."""
    low, high = interval(values)
    print(f"{name}: {statistics.median(values):.3f} s [{low:.3f}, {high:.3f}] of {len(values)}")
    return {"name": name, "seconds": statistics.median(values), "interval": [low, high]}


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="time this model alone")
    parser.add_argument("--shape", choices=synthetic.SHAPES, help="time a synthetic model alone")
    parser.add_argument("--pairs", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--words", type=int, default=400, help="words of the text to read")
    parser.add_argument("--tokens", type=int, default=128, help="tokens to write")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = [row for load in loads(args, folder) for row in overhead(args, load)]
        seconds_to_first_text(folder)  # merges the scale models, warms the disk cache
        starts = [seconds_to_first_text(folder) for _ in range(args.pairs)]
        results.append(show_times("start to first text, scale model", starts))
        results.append(show_times("edgemed --help", [seconds_of_help() for _ in range(args.pairs)]))
    if args.json:
        print(json.dumps(results, indent=2))


def loads(args: argparse.Namespace, folder: Path) -> Iterator[Load]:
    """The models to time, one after the other."""
    if args.model:
        yield Load(args.model, args.words, args.tokens)
    elif args.shape:
        path = folder / f"{args.shape}.gguf"
        synthetic.write_model(path, synthetic.SHAPES[args.shape], "Q4_K_M", VOCABULARY, 1)
        yield Load(path, args.words, args.tokens)
    else:
        yield Load(path_of("instruct"), 500, 256)
        random = write_model(folder / "random.gguf", VOCABULARY, Size(8, 768, 2048, 12, 4), "Q4_0")
        yield Load(random, args.words, args.tokens)


def overhead(args: argparse.Namespace, load: Load) -> list[dict[str, Any]]:
    """Prefill and decode of the engine over those of the bare loop."""
    context = -(-(load.words * 2 + load.tokens + 64) // 256) * 256
    settings = EngineSettings(str(load.path), context, args.threads, chat_template=PLAIN)
    model, bare = LlamaModel(settings), Bare(settings, context)
    found = list(pairs(model, bare, load, args.pairs))
    model.close()
    bare.free()
    read, wrote = found[0][2], statistics.median(row[3] for row in found)
    print(f"{load.path.name}: {read} tokens read, {wrote} written, {args.threads} threads")
    name = load.path.stem
    return [
        report(
            f"{name} prefill", [e.prefill for e, *_ in found], [b.prefill for _, b, *_ in found]
        ),
        report(f"{name} decode", [e.decode for e, *_ in found], [b.decode for _, b, *_ in found]),
    ]


if __name__ == "__main__":
    main()
