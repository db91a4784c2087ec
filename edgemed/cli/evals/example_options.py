"""The options of examples before each question, for `eval` and `sweep --tasks`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemed.amounts import amount
from edgemed.cli.options.models import options_of
from edgemed.cli.options.numbers import positive
from edgemed.errors import UsageError
from edgemed.evals.tasks.items import Item
from edgemed.evals.tasks.task import Task

if TYPE_CHECKING:
    from edgemed.evals.shots import Shots


def configure_shots(add: Callable[..., Any]) -> None:
    """The options of examples."""
    add("--shots", type=positive, metavar="K", help="put K answered examples before each question")
    add(
        "--shots-by",
        choices=("chance", "likeness"),
        help="draw the same examples for all items (default), or take the nearest for each",
    )
    add("--shots-pool", type=positive, metavar="N", help="draw from only N of the task's pool")


def refuse_shots(args: argparse.Namespace) -> None:
    """UsageError for options of examples if no number of examples is given."""
    if not args.shots and (args.shots_by or args.shots_pool):
        raise UsageError("no number of examples is given", "give --shots too")


def shots_of(args: argparse.Namespace) -> "Shots":
    """The examples that are asked for."""
    from edgemed.evals.shots import Shots  # loads the sentence encoder

    return Shots(args.shots, args.shots_by or "chance", args.shots_pool, args.seed)


def shown_items(
    task: Task, items: list[Item], path: Path, data: Path, args: argparse.Namespace
) -> list[Item]:
    """The items with as many examples as fit; prints how many got fewer."""
    from edgemed.evals.shots import with_shots, within_context

    every = with_shots(task, items, data, shots_of(args))
    found, fewer = within_context(path, options_of(args), task, every)
    if fewer:
        of, asked = amount(len(items), "item"), amount(args.shots, "example")
        print(
            f"{task.name}: {fewer} of {of} got fewer than {asked}: more do not fit the context",
            file=sys.stderr,
        )
    return found
