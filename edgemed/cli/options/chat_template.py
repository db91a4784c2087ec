"""`--chat-template` of the commands that write turns for a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def chat_template_option(
    add: Callable[..., Any],
    help: str = "a Jinja template for the turns, in place of the model's own",
) -> None:
    """The file of a template; `add` is a parser's or a group's add_argument."""
    add("--chat-template", type=Path, metavar="FILE", help=help)
