"""What can go wrong, as the user should read it.

Every error carries one line that names the thing and one that names the remedy. The command
line prints both and exits with the class's code; nothing else in the house prints errors.
"""

from typing import ClassVar

LOG_LINE = "\n         | "
"""Before each line of an engine's log behind a hint: the only line end that a hint has."""


class EdgemedError(Exception):
    """The work failed: `message` says what and where, `hint` what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(EdgemedError):
    """The command or call itself cannot be meant as written."""

    exit_code = 2


class Refused(EdgemedError):
    """A check says no before any work: the input is not fit for what was asked."""

    exit_code = 3


class InvalidFile(Refused):
    """A file is not what its name or its header claims."""


class Incompatible(Refused):
    """Inputs that cannot be combined."""
