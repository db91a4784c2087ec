"""The line mode's session, model and log, and its two ways to talk."""

import getpass
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from edgemed_models.base import Model

from edgemed.clinic.session import Session
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.logs import sessions
from edgemed.logs.audit import Entry, Log
from edgemed.logs.ledger import Ledger
from edgemed_tui.desk import Desk, ModelChoice
from edgemed_tui.literal import one_line

LONGEST = 9  # digits of a number that counts lines or findings


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
        self.ledger = Ledger(desk.place)
        self.lock: sessions.Lock | None = None
        self.who = "not named"
        self.at = 0
        self.ask, self.secret = ask, secret
        self._say = say

    def say(self, words: str) -> None:
        """One line, literal: a line end in it is shown as a sign."""
        self._say(one_line(words))

    @property
    def unsaved(self) -> bool:
        """Whether ending now, or another note, would lose work."""
        return bool(self.session.text) and self.session != self.kept

    def change(self, after: Session, log: Callable[[Log, Session], Entry]) -> None:
        """Log a step, then take it. Refused where the log refuses and nobody tries again."""
        while (fault := self._logged(after, log)) is not None:
            self.say(f"The log refuses: {fault.message}. {fault.hint}.")
            if self.ask("Try again? (yes/no) ") != "yes":
                raise Refused("it was not logged", "type it again later; save keeps the session")

    def _logged(self, after: Session, log: Callable[[Log, Session], Entry]) -> EdgemedError | None:
        try:
            with undivided():
                self.ledger.write(lambda opened: log(opened, after))
                self.session = after
        except EdgemedError as error:
            return error
        return None

    def took_place(self, after: Session, log: Callable[[Log, Session], Entry]) -> None:
        """Take what has happened already, and log it now or before the next decision."""
        with undivided():
            self.session = after
            fault = self.ledger.owe(lambda opened: log(opened, after))
        if fault is not None:
            self.say(f"{fault.message}. {fault.hint}.")

    def close(self) -> None:
        """End the engine."""
        if self.model is not None:
            self.model.close()


@contextmanager
def undivided() -> Iterator[None]:
    """Ctrl-C waits until this is done: nothing is logged and then not taken."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def later(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = signal.signal(signal.SIGINT, later)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt


def number_of(typed: str, most: int) -> int:
    """A number from 1 to `most`, in the digits of any script."""
    typed = typed.strip()
    if not typed.isdecimal() or len(typed) > LONGEST or not 1 <= int(typed) <= most:
        raise UsageError(f"a number from 1 to {most} is needed", "type: help")
    return int(typed)


def path_of(typed: str) -> Path:
    """A file as it was typed: spaces and quotes belong to its name, quotes around it do not."""
    name = typed.strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    if not name:
        raise UsageError("no file is named", "type: help")
    if "\0" in name:
        raise UsageError("no file can have that name", "type the name again")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise UsageError("there is no user of that name", "type the whole path") from None
