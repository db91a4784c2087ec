"""Seconds to the first word of a draft, as the screen has it.

    python -m tests.bench.first_token MODEL.gguf --runs 15 --threads 2

Each run loads the model, reads the sample note ahead, as the screen does while a template is
chosen, and drafts with two templates, one after the other. Printed are the medians of the runs,
with the interval that holds the true median with 95 % confidence (order statistics).
"""

import argparse
import statistics
import time
from pathlib import Path

from edgemed_models.base import LanguageModel, Piece

from edgemed.clinic import samples
from edgemed.clinic.note import Note, parse
from edgemed.clinic.summarizing.readahead import read_ahead
from edgemed.clinic.summarizing.summarize import prompt_of, request_of
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.local_models.loading import Options, load_model
from tests.bench.engine import interval

TEMPLATES = ("discharge-summary", "referral-letter")
TOKENS = 4096  # room for prompt and draft


def until_first(model: LanguageModel, note: Note, template: str) -> float:
    """Seconds from the choice of a template to the first piece of its draft."""
    began = time.perf_counter()
    for event in model.generate(request_of(prompt_of(note, load_template(template)), 4)):
        if isinstance(event, Piece):
            return time.perf_counter() - began
    raise SystemExit(f"no word with the template {template}")


def run(path: Path, threads: int) -> list[float]:
    """Loading, reading ahead, then the first word with each template: seconds."""
    began = time.perf_counter()
    model = load_model(path, Options(threads=threads), TOKENS)
    try:
        note = parse(samples.note())
        loaded = time.perf_counter()
        list(read_ahead(model, note))
        ahead = time.perf_counter()
        return [loaded - began, ahead - loaded, *(until_first(model, note, t) for t in TEMPLATES)]
    finally:
        model.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    rows = [run(args.model, args.threads) for _ in range(args.runs)]
    for name, seconds in zip(
        ("loading", "reading ahead", *TEMPLATES), zip(*rows, strict=True), strict=True
    ):
        low, high = interval(seconds)
        middle = statistics.median(seconds)
        print(f"{name}: {middle:.2f} s ({low:.2f} to {high:.2f}), {args.runs} runs")


if __name__ == "__main__":
    main()
