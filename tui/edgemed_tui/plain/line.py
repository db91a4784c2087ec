"""The line mode's session, model and log, and its two ways to talk."""

import getpass
from collections.abc import Callable
from pathlib import Path

from edgemed_models.base import Model

from edgemed.clinic.session import Session
from edgemed.errors import UsageError
from edgemed.logs.audit import Entry, Log
from edgemed_tui.desk import Desk, ModelChoice
from edgemed_tui.literal import visible


class Line:
    """The line mode: a session, a model, and two ways to talk, so that a test can listen."""

    def __init__(
        self,
        desk: Desk,
        say: Callable[[str], None] = print,
        ask: Callable[[str], str] = input,
        secret: Callable[[str], str] = getpass.getpass,
    ) -> None:
        self.desk = desk
        self.session = Session()
        self.kept = self.session
        self.saved_as: Path | None = None
        self.template = ""
        self.model: Model | None = None
        self.choice: ModelChoice | None = None
        self.log: Log | None = None
        self.who = "not named"
        self.at = 0
        self.ask, self.secret = ask, secret
        self._say = say

    def say(self, words: str) -> None:
        """One line or several, literal."""
        self._say(visible(words))

    def change(self, after: Session, log: Callable[[Log, Session], Entry]) -> None:
        """Log a step, then take it."""
        self.log = self.log or Log(self.desk.place)
        log(self.log, after)
        self.session = after

    def close(self) -> None:
        """End the engine, close the log."""
        if self.model is not None:
            self.model.close()
        if self.log is not None:
            self.log.close()


def number_of(typed: str, most: int) -> int:
    """A number from 1 to `most`."""
    if not typed.strip().isdigit() or not 1 <= int(typed) <= most:
        raise UsageError(f"a number from 1 to {most} is needed", "type: help")
    return int(typed)
