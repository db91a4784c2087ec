"""Scores a GGUF file on the three axes through llama.cpp.

python models/scale/evaluate.py FILE... --count 200 --split dev
"""

import argparse
import json
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

from edgemed_models.answer import ask
from edgemed_models.base import Message, Request
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.settings import EngineSettings
from edgemed_models.scale.examination import AXES, questions
from edgemed_models.scale.items import TEMPLATE
from edgemed_models.scale.patients import Split

MAX_TOKENS = 160
RESAMPLES = 2000


class Interval(NamedTuple):
    """A mean with its 95 % bootstrap interval over items."""

    mean: float
    low: float
    high: float


def opened(path: Path, context: int = 1024) -> LlamaModel:
    """A scale model run by llama.cpp, with the trio's turns whatever the file says."""
    return LlamaModel(EngineSettings(str(path), context, threads=1, chat_template=TEMPLATE))


def answer(model: LlamaModel, prompt: str) -> str:
    """The greedy answer to `prompt`."""
    return ask(model, Request((Message("user", prompt),), max_tokens=MAX_TOKENS)).text


def scores(model: LlamaModel, axis: str, count: int, seed: int, split: Split) -> list[float]:
    """The worth of the model's answer to every question of an axis."""
    asked = questions(axis, count, seed, split)
    return [question.worth(answer(model, question.item.prompt)) for question in asked]


def interval(values: list[float], seed: int = 0) -> Interval:
    """Mean and percentile bootstrap (Efron 1979) over items."""
    rng, count = Random(seed), len(values)
    means = sorted(sum(rng.choices(values, k=count)) / count for _ in range(RESAMPLES))
    return Interval(
        sum(values) / count, means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975)]
    )


def measured(
    path: Path, count: int, seed: int, split: Split, axes: tuple[str, ...] = AXES
) -> dict[str, list[float]]:
    """Scores of one file on every axis."""
    model = opened(path)
    try:
        return {axis: scores(model, axis, count, seed, split) for axis in axes}
    finally:
        model.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--axes", nargs="+", default=AXES, help="default: the three of the experiment"
    )
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    args = parser.parse_args()
    for path in args.files:
        began = time.perf_counter()
        found = measured(path, args.count, args.seed, args.split, tuple(args.axes))
        line = {axis: [round(x, 3) for x in interval(values)] for axis, values in found.items()}
        took = round(time.perf_counter() - began, 1)
        print(json.dumps({"file": path.name, "seconds": took} | line), flush=True)


if __name__ == "__main__":
    main()
