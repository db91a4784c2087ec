"""The options of `edgemed adapt`, and the settings of a run that they make."""

import argparse
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from edgemed.adapters.gguf_form import STORED
from edgemed.cli.options.numbers import finite, positive, seed
from edgemed.cli.training.adapt_medcare import (
    staged,
)
from edgemed.training.schedule import RunSettings

if TYPE_CHECKING:  # needs torch
    pass

LARGEST = 1_000_000
PLAIN = RunSettings()
ROOTED_ALPHA = PLAIN.alpha / math.sqrt(PLAIN.rank)
"""With it rsLoRA has the scale that LoRA has at the default rank."""


def adapter_options(group: Any) -> None:
    """What is trained, and how it is stored."""
    add = group.add_argument
    add(
        "--out-type",
        choices=tuple(STORED),
        help="the type of a GGUF adapter's numbers (default: F32)",
    )
    add(
        "--rank",
        type=positive,
        default=PLAIN.rank,
        metavar="N",
        help=f"the rank of each low-rank matrix pair (default: {PLAIN.rank})",
    )
    add(
        "--alpha",
        type=above_zero,
        metavar="X",
        help="scale the adapter by alpha / rank (default: twice the rank); with --rslora by "
        f"alpha / the square root of the rank (default: {ROOTED_ALPHA:g})",
    )
    add("--rslora", action="store_true", help="divide by the square root of the rank (rsLoRA)")
    add(
        "--dora",
        action="store_true",
        help="also train the magnitude of each row (DoRA); written as a PEFT folder only",
    )
    add(
        "--matrices",
        choices=("all", "attn", "ffn"),
        default=PLAIN.matrices,
        help="which matrices are trained: all (default), attention, or feed-forward",
    )


def training_options(group: Any) -> None:
    """What it is trained on, how long, and in what steps."""
    add = group.add_argument
    add(
        "--epochs",
        type=positive,
        default=PLAIN.epochs,
        metavar="N",
        help=f"how often the examples are gone through (default: {PLAIN.epochs})",
    )
    add(
        "--rate",
        type=rate,
        default=PLAIN.rate,
        metavar="X",
        help=f"the highest learning rate (default: {PLAIN.rate:g})",
    )
    add(
        "--batch-tokens",
        type=positive,
        default=PLAIN.batch_tokens,
        metavar="N",
        help=f"tokens in one step of training (default: {PLAIN.batch_tokens})",
    )
    add(
        "--longest",
        type=positive,
        default=1024,
        metavar="N",
        help="leave out examples with more tokens, and say how many (default: 1024)",
    )
    judging_options(add)
    add(
        "--seed",
        type=seed,
        default=PLAIN.seed,
        metavar="N",
        help=f"the seed of everything random (default: {PLAIN.seed})",
    )


def judging_options(add: Callable[..., Any]) -> None:
    """What judges the training, and ends it."""
    add(
        "--held-out",
        type=share,
        default=PLAIN.held_out,
        metavar="X",
        help=f"the share of examples that judge the training (default: {PLAIN.held_out}); with 0 "
        "the last step is kept",
    )
    add(
        "--patience",
        type=positive,
        default=PLAIN.patience,
        metavar="N",
        help="stop when the held-out loss, checked twice an epoch, has not improved N times "
        f"(default: {PLAIN.patience})",
    )


def above_zero(text: str) -> float:
    """A number above zero that float32 can hold, for argparse."""
    number = finite(text)
    if not 0 < number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is not above zero, or above {LARGEST:,}")
    return number


def rate(text: str) -> float:
    """A learning rate, for argparse."""
    number = finite(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return number


def share(text: str) -> float:
    """A share below one, for argparse."""
    number = finite(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to below 1")
    return number


def settings_of(args: argparse.Namespace) -> RunSettings:
    """The options as the run takes them."""
    usual = ROOTED_ALPHA if args.rslora else 2.0 * args.rank
    plain = RunSettings(
        args.rank,
        args.alpha or usual,
        args.matrices,
        args.epochs,
        args.rate,
        args.batch_tokens,
        args.held_out,
        args.patience,
        args.seed,
        args.rslora,
        args.dora,
        args.draw,
        args.compute == "bf16" or (args.device == "cuda" and args.compute is None),
    )
    return staged(args, plain)
