"""A remedy in words gets the option that sets what it speaks of, where the command has one."""

from argparse import Namespace

import pytest

from edgemed.cli.main import COMMANDS
from edgemed.cli.options.named import OPTION, OPTIONS, with_options
from edgemed.errors import LOG_LINE
from tests.house.test_flags import command_of, options_of

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
    there = {
        (action.dest, name)
        for command in COMMANDS
        for name, action in options_of(command_of(command))
    }
    for _, argument, how in OPTIONS:
        assert (argument, OPTION.findall(how)[0]) in there, how


@pytest.mark.parametrize(
    ("hint", "args", "shown"),
    [
        ("start over instead of resuming", Namespace(resume=True), " (leave out --resume)"),
        ("start over instead of resuming", Namespace(resume=False), ""),
        ("skip this check", Namespace(load_check=True), " (--no-load-check)"),
        ("skip this check", Namespace(load_check=False), ""),
        ("or have one chosen", Namespace(no_fallback=True), " (leave out --no-fallback)"),
        ("choose another output, or replace it", Namespace(force=False), " (--force)"),
        ("choose another output, or replace it", Namespace(force=True), ""),
        ("another type for this tensor", Namespace(part_type=[]), " (--part-type PART=TYPE)"),
        ("another type for this tensor", Namespace(tensor_type=[]), " (--tensor-type REGEX=TYPE)"),
    ],
)
def test_an_option_is_to_be_given_or_left_out_as_the_command_stands(
    hint: str, args: Namespace, shown: str
) -> None:
    assert with_options(hint, args) == hint + shown
