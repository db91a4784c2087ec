"""Sentences of parts that others wrote or typed: the one place where a sentence gets its end.

A name may end in a full stop ("Dr A. Smith Jr.", a session called "ward 3."), and so may what the
system says: one of ours after it would be a second one.
"""

from edgemed.errors import LOG_LINE
from edgemed_tui.remedies import Fault, remedy

ENDS = (".", "?", "!", "…")
QUOTES = "\"'”’"


def sentences(*parts: str) -> str:
    """The parts, each with an end of its own, one after the other; empty ones are left out."""
    return " ".join(ended(part) for part in parts if part.strip())


def ended(words: str) -> str:
    """`words` with a full stop where they have no end yet."""
    words = words.rstrip()
    return words if words.rstrip(QUOTES).endswith(ENDS) else f"{words}."


def capital(words: str) -> str:
    """`words` with the capital of a sentence's beginning."""
    return f"{words[:1].upper()}{words[1:]}"


def fault_rows(before: str, fault: Fault) -> list[str]:
    """`before` and what went wrong, then the remedy; below it an engine's log, a line a row."""
    words, *log = remedy(fault.hint).split(LOG_LINE)
    return [sentences(f"{before}{fault.message}", words), *log]
