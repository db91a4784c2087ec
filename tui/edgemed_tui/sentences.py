"""Sentences made from names and messages: the one place that adds a full stop.

A name may end in a full stop ("Dr A. Smith Jr.", a session called "ward 3."), and so may the
system's messages: another one after it would be a second one.
"""

from edgemed.errors import LOG_LINE
from edgemed_tui.remedies import Fault, remedy

ENDS = (".", "?", "!", "…")
QUOTES = "\"'”’"


def sentences(*parts: str) -> str:
    """The parts as sentences, one after the other; empty ones are left out."""
    return " ".join(ended(part) for part in parts if part.strip())


def ended(words: str) -> str:
    """`words` with a full stop if they have no end yet."""
    words = words.rstrip()
    return words if words.rstrip(QUOTES).endswith(ENDS) else f"{words}."


def capital(words: str) -> str:
    """`words` with a capital letter at the beginning."""
    return f"{words[:1].upper()}{words[1:]}"


def fault_rows(before: str, fault: Fault) -> list[str]:
    """`before` and what went wrong, then the remedy; below it an engine's log, line by line."""
    words, *log = remedy(fault.hint).split(LOG_LINE)
    return [sentences(f"{before}{fault.message}", words), *log]
