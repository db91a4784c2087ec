"""A remedy in words gets the option that sets what it speaks of, where the command has one."""

from argparse import Namespace

import pytest

from edgemed.cli.main import COMMANDS, build_parser
from edgemed.cli.options.named import OPTIONS, with_options
from edgemed.errors import LOG_LINE

SUMMARIZE = Namespace(context=None, chat_template=None, in_parts=False)
SHORTER = "give a shorter note, or a larger context"


@pytest.mark.parametrize(
    ("hint", "args", "shown"),
    [
        (SHORTER, SUMMARIZE, f"{SHORTER} (--context N; --in-parts drafts it in parts)"),
        (SHORTER, Namespace(context=64, in_parts=True), f"{SHORTER} (--context N)"),
        (SHORTER, Namespace(), SHORTER),
        ("give a chat template with --chat-template", SUMMARIZE, None),
        (
            f"a smaller context{LOG_LINE}no",
            SUMMARIZE,
            f"a smaller context (--context N){LOG_LINE}no",
        ),
    ],
)
def test_options_are_named_once_and_only_where_they_exist(
    hint: str, args: Namespace, shown: str | None
) -> None:
    assert with_options(hint, args) == (hint if shown is None else shown)


def test_the_options_exist_under_these_names() -> None:
    assert "summarize" in COMMANDS
    usage = build_parser("summarize")
    args = usage.parse_args(["summarize", "note.txt", "--template", "soap"])
    for _, argument, option in OPTIONS:
        assert hasattr(args, argument) and option.startswith("--")
