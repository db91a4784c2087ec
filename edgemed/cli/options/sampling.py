"""How tokens are chosen, for the commands that write one text."""

from collections.abc import Callable
from typing import Any

from edgemed.cli.options.numbers import finite, seed


def sampling_options(add: Callable[..., Any]) -> None:
    """Temperature and seed; `add` is a parser's or a group's add_argument."""
    add(
        "--temperature",
        type=finite,
        default=0.0,
        metavar="X",
        help="0 (the default) always takes the likeliest token",
    )
    add("--seed", type=seed, default=0, metavar="N", help="random seed, for a temperature above 0")
