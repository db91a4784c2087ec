"""What is wrong with a file, without its path; also how strings from a file are shown.

The parsing code knows no path and raises `Flaw`; the code that opened the file turns it into an
`InvalidFile` that names the file. Strings from a file are not trusted: they are shown through
`printable` or `quoted`, never as they are.
"""

from pathlib import Path

from edgemed.errors import InvalidFile
from edgemed.printable import printable

DAMAGED = (
    "it is cut short or damaged: download it again and compare its checksum with the publisher's"
)
MALFORMED = (
    "no current llama.cpp writes this: get the file from another publisher, or convert it again"
)


class Flaw(Exception):
    """`what` is wrong inside a GGUF file, and the `remedy`."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def of(self, path: Path | str) -> InvalidFile:
        """The error to raise, now that the file is known."""
        return InvalidFile(f"{printable(str(path))}: {self.what}", self.remedy)


def quoted(text: str, limit: int = 80) -> str:
    """`text` in quotes for a message, made printable and cut to `limit` characters."""
    shown = printable(text[:limit])
    return f"'{shown}...'" if len(text) > limit else f"'{shown}'"
