"""Errors as the user reads them.

Every error has one line that names the thing and one that names the remedy. The command line
prints both and exits with the class's code; no other part of the program prints errors.
"""

from typing import ClassVar

LOG_LINE = "\n         | "
"""Put before each engine log line that follows a hint. A hint has no other line ends."""


class EdgemedError(Exception):
    """The work failed: `message` says what is wrong and where, `hint` what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(EdgemedError):
    """The command or call is wrong as written."""

    exit_code = 2


class Refused(EdgemedError):
    """A check failed before any work was done: the input cannot be used for what was asked."""

    exit_code = 3


class InvalidFile(Refused):
    """A file is not what its name or its header claims."""


class Incompatible(Refused):
    """Inputs that cannot be combined."""
