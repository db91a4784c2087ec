"""`--threads` of the commands that compute by themselves, without a running model."""

from collections.abc import Callable
from typing import Any

from edgemed_models.machine import logical_cores

from edgemed.cli.options.numbers import threads


def threads_option(add: Callable[..., Any]) -> None:
    """How many threads work; `add` is a parser's or a group's add_argument."""
    add(
        "--threads",
        type=threads,
        default=logical_cores(),
        metavar="N",
        help="processor threads (default: all cores)",
    )
