"""The options behind a remedy: rooms below the command line name a setting in words alone."""

import argparse

from edgemed.errors import LOG_LINE

OPTIONS = (
    ("chat template", "chat_template", "--chat-template FILE"),
    ("context", "context", "--context N"),
    ("shorter", "in_parts", "--in-parts drafts it in parts"),
)
"""Words of a remedy, the argument that they speak of, and how it is given."""


def with_options(hint: str, args: argparse.Namespace) -> str:
    """`hint` with the options of this command that it speaks of, but for a flag given already."""
    words, mark, log = hint.partition(LOG_LINE)
    named = [
        option
        for setting, argument, option in OPTIONS
        if setting in words
        and getattr(args, argument, True) is not True  # no such option, or a flag that is set
        and option.split()[0] not in words
    ]
    return words + (f" ({'; '.join(named)})" if named else "") + mark + log
