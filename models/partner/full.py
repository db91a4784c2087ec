"""Train all weights of a small model, in F32, on the examples of the partner.

`python -m models.partner.train MODEL.gguf ... --full` calls this. It keeps 16 bytes for each weight
and as many again while the state is saved.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from edgemed_models.trainable.opened import open_weights
from torch import nn

from edgemed import quantize
from edgemed.adapters.adapter import F32, Pair
from edgemed.gguf import open_model
from edgemed.storage.sha256 import sha256_of
from edgemed.storage.whole import write_whole
from edgemed.training import card, checkpoint
from edgemed.training.adapt import CurvePoint, Training
from edgemed.training.encoded import Data, encode_for
from edgemed.training.examples import read_examples
from edgemed.training.loop import TrainingProgress, train
from edgemed.training.schedule import RunSettings
from edgemed.training.trainable import load_trainable

RATE = 1e-4
"""The highest learning rate: a sixth of the adapter's, because every weight changes."""
SAVED_EVERY = 900.0
"""Seconds: the state has 16 bytes per weight."""


class Held(nn.Module):
    """One weight tensor of the model, as a path of Training."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight


class Whole(Training):
    """A training of all weights."""

    about: Mapping[str, str] = {"method": "all weights"}

    def attached(self) -> dict[str, Any]:
        return {name: Held(weight) for name, weight in open_weights(self.model).items()}

    @property
    def kept(self) -> int:
        return 0

    def pairs(self) -> dict[str, Pair]:
        raise TypeError("all weights were trained: there is no adapter")

    def tensors(self) -> dict[str, F32]:
        """The best weights by GGUF name, f32[rows, length] or f32[length]."""
        return dict(zip(self.paths, self.state.best_weights, strict=True))


def settings_of(args: argparse.Namespace) -> RunSettings:
    """One epoch at RATE; the rest as for the adapter."""
    return RunSettings(
        matrices="all weights",
        epochs=1,
        rate=RATE,
        batch_tokens=int(args.batch_tokens),
        held_out=float(args.held_out),
    )


def run(args: argparse.Namespace, examples: Path) -> int:
    """Train, or continue; write WORK/full.gguf and its card."""
    out = args.work / "full.gguf"
    torch.set_num_threads(int(args.threads))
    longest = max(args.longest, args.longest_visit)
    data = encode_for(args.model, None, read_examples(examples), longest)
    base = card.Base(args.model, sha256_of(args.model))
    settings = settings_of(args)
    name, progress = card.run_name(base, data.mark(b""), settings), checkpoint.place(out)
    _, model = load_trainable(args.model)
    training = Whole(model, data, settings)
    if progress.exists():
        training.restore(checkpoint.load(progress, name))
    print(f"{training.weights:,} weights, {len(training.batches)} steps", file=sys.stderr)
    train(training, lambda s: checkpoint.save(progress, name, s), show, say, SAVED_EVERY)
    finish(args, out, base, data, training)
    progress.unlink(missing_ok=True)
    return 0


def show(now: TrainingProgress) -> None:
    """A line a step."""
    print(
        f"step {now.step} of {now.steps}: loss {now.loss:.4f}, {now.tokens_per_second:.0f} "
        f"tokens/s, at most {now.left / 60:.0f} min left",
        file=sys.stderr,
        flush=True,
    )


def say(point: CurvePoint) -> None:
    """A line for each point of the losses."""
    learned, held = ("-" if x is None else f"{x:.4f}" for x in (point.learned, point.held))
    print(
        f"step {point.step}: loss learned {learned}, held out {held}", file=sys.stderr, flush=True
    )


def finish(
    args: argparse.Namespace, out: Path, base: card.Base, data: Data, training: Whole
) -> None:
    """Write the model and its card; the model gets its name only when complete."""
    part = out.with_name(f"{out.stem}.part.gguf")
    try:
        quantize(args.model, part, "F32", threads=int(args.threads), replace=True)
        put(part, training.tensors())
        made = card.card(base, data, "", training, b"", int(args.threads))
        made["sha256"] = sha256_of(part)
        del made["adapter_sha256"], made["data"]["mark"]
        rows = json.loads((args.work / "rows.json").read_text("utf-8"))
        write_whole(card.place(out), card.as_json(made | {"sets": rows}))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def put(path: Path, tensors: Mapping[str, F32]) -> None:
    """Write `tensors` over those of an F32 file."""
    model = open_model(path)
    for name, values in tensors.items():
        tensor = model.tensors[name]
        if tensor.type.name != "F32" or tensor.shape[::-1] != values.shape:
            raise ValueError(f"{name} is {tensor.type.name} of {tensor.shape} in the file")
        place = np.memmap(path, np.float32, "r+", tensor.offset, values.shape)
        place[...] = values
        place.flush()
    with path.open("r+b") as file:
        os.fsync(file.fileno())
