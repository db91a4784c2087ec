"""`edgemed demo`: merge the two embedded models, show what each of the three can do, stream one.

Runs on synthetic notes alone and opens no connection. The models are a demonstration built to show
what a merge keeps; every run says so first and last.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from edgemed_models.answer import ask
from edgemed_models.base import Failed, Message, ModelError, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.machine import usable_cores
from edgemed_models.scale import DEMO_T, path_of
from edgemed_models.scale.examination import AXES, Question, questions
from edgemed_models.scale.items import TEMPLATE

from edgemed.api import merge
from edgemed.cli.terminal.bars import bar
from edgemed.cli.terminal.stream import follow, timing_line
from edgemed.errors import EdgemedError, UsageError
from edgemed.gguf import open_model
from edgemed.local_models.demonstration import HEADING
from edgemed.local_models.loading import Options, plan_model, settings_for, start, translated
from edgemed.storage.scratch import scratch_folder

CONTEXT = 1024
MAX_TOKENS = 160
SEED = 2026
BAR = 12
COLUMNS = {"clinical": "clinical facts", "instruction": "instructions", "composite": "both at once"}
NEXT = """What to try next:
  edgemed inspect {clinical}
  edgemed merge A.gguf B.gguf --t 0.5 -o merged.gguf    two models of yours
  edgemed sweep A.gguf B.gguf --cases CASES.jsonl       the best t, on cases of yours
  edgemed                                               the screen; it has a sample note
  edgemed models get smollm2-135m                       a small model that writes
  edgemed demo --real                                   the same demonstration with it
  edgemed doctor                                        what this machine can run
  edgemed summarize NOTE.txt --template discharge-summary --model merged.gguf"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed demo`."""
    parser.add_argument(
        "--items", type=int, default=15, metavar="N", help="questions on each axis (default: 15)"
    )
    parser.add_argument(
        "--real",
        action="store_true",
        help="with a real small model, after `edgemed models get smollm2-135m`",
    )


def run(args: argparse.Namespace) -> int:
    """Merge, examine, stream. 0 when everything worked."""
    if args.real:
        from edgemed.cli.local_models import demo_real

        return demo_real.run(args)
    if args.items < 1:
        raise UsageError("--items is below 1", "give --items 1 or more")
    began = time.perf_counter()
    print(f"{HEADING}\n")
    asked = {axis: questions(axis, args.items, SEED) for axis in AXES}
    with scratch_folder(Path(tempfile.gettempdir()), "demo") as folder:
        merged = folder / "merged.gguf"
        merge_parents(merged)
        picture(merged, asked)
        stream_sample(merged)
    print(f"\n{NEXT.format(clinical=path_of('clinical'))}")
    print(f"\n{HEADING}: {time.perf_counter() - began:.0f} s in all")
    return 0


def merge_parents(out: Path) -> None:
    """The clinical model (t = 0) and the instruct model (t = 1), merged from their embedded
    files."""
    result = merge(path_of("clinical"), path_of("instruct"), t=DEMO_T, out=out)
    size = out.stat().st_size / 1e6
    print(f"merged clinical and instruct at t = {DEMO_T}: {size:.1f} MB in {result.seconds:.1f} s")


def picture(merged: Path, asked: dict[str, list[Question]]) -> None:
    """One line for each model: its mean score on each axis, as a bar and a number."""
    count = len(next(iter(asked.values())))
    print(f"\nmean score on {count} held-out synthetic items per axis (a small sample)")
    print("".join((" " * 10, *(f"{COLUMNS[axis]:<20}" for axis in AXES))).rstrip())
    for name, path in (
        ("clinical", path_of("clinical")),
        ("instruct", path_of("instruct")),
        ("merged", merged),
    ):
        model = opened(path, TEMPLATE)
        try:
            means = [mean_worth(model, asked[axis]) for axis in AXES]
        finally:
            model.close()
        print(
            "".join(
                (f"{name:<10}", *(f"{bar(mean, BAR)} {mean:.2f}   " for mean in means))
            ).rstrip()
        )
        sys.stdout.flush()


def opened(path: Path, template: str | None) -> LlamaModel:
    """An embedded model; the base and the clinical one have no chat template of their own."""
    options = Options(context=CONTEXT, threads=min(2, usable_cores()))
    settings = settings_for(path, options, plan_model(open_model(path), options))
    return start(replace(settings, chat_template=template))


def request(prompt: str) -> Request:
    """A greedy answer to one prompt."""
    return Request((Message("user", prompt),), max_tokens=MAX_TOKENS)


def mean_worth(model: LlamaModel, asked: list[Question]) -> float:
    """The mean score of the model's answers."""
    return sum(q.worth(answer(model, q.item.prompt)) for q in asked) / len(asked)


def answer(model: LlamaModel, prompt: str) -> str:
    """The model's answer. Raises EdgemedError if the engine breaks."""
    try:
        return ask(model, request(prompt)).text
    except ModelError as error:
        raise EdgemedError(error.message, error.hint) from None


def stream_sample(merged: Path) -> None:
    """A sample note, and its summary from the merged file as llama.cpp writes it."""
    sample = questions("clinical", 2, SEED)[1]
    print(f"\nsample note (synthetic), and what is asked:\n\n{sample.item.prompt}\n\nsummary:\n")
    model = opened(merged, None)
    try:
        outcome = follow(model.generate(request(sample.item.prompt)), sys.stdout)
    except ModelError as error:
        raise translated(error) from None
    finally:
        model.close()
    if isinstance(outcome.end, Failed):
        raise EdgemedError(outcome.end.message, outcome.end.hint)
    print(f"\n\nF1 of its facts against the reference: {sample.worth(outcome.text):.2f}")
    if outcome.end is not None:
        print(timing_line(outcome.end.timings))
