"""Remedies in the words of the screen, which takes no options of the command line.

Errors come from rooms that the command line uses as well, and a remedy may name an option. Remedies
that need one are left out; if none is left, the message says whom to ask.
"""

import re
from typing import Protocol

from edgemed.errors import LOG_LINE

OPTION = re.compile(r"(?<![\w-])--[a-z]")
BETWEEN_WAYS = re.compile(r"; (?:or )?|, or ")
ELSEWHERE = "this cannot be set on the screen: ask who set edgemed up on this computer"


class Fault(Protocol):
    """Anything with what went wrong and what to do about it."""

    @property
    def message(self) -> str:
        """What went wrong."""

    @property
    def hint(self) -> str:
        """What to do."""


def remedy(hint: str) -> str:
    """`hint` without the remedies that need an option; lines of an engine's log stay below it."""
    words, mark, log = hint.partition(LOG_LINE)
    if OPTION.search(words):
        ways = [way for way in BETWEEN_WAYS.split(words) if not OPTION.search(way)]
        words = "; or ".join(ways) or ELSEWHERE
    return words + mark + log


def complaint(fault: Fault) -> str:
    """An error in two lines: what is wrong, and the remedy."""
    return f"! {fault.message}\n  {remedy(fault.hint)}"
