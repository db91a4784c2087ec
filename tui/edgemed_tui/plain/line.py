"""The line mode's case and model, and its two ways to talk."""

import getpass
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from edgemed_models.base import LanguageModel

from edgemed.clinic.case.case import Case
from edgemed.clinic.case.session import Session
from edgemed.errors import EdgemedError, UsageError
from edgemed_tui import settings as stored
from edgemed_tui.literal import one_line
from edgemed_tui.remedies import Fault
from edgemed_tui.sentences import capital, fault_rows, sentences
from edgemed_tui.services import ModelChoice, Services
from edgemed_tui.settings import Settings

if sys.platform == "win32":
    from edgemed_tui.hangup_windows import SIGNALS
else:
    from edgemed_tui.hangup_posix import SIGNALS

LONGEST = 9  # digits of a number that counts lines or findings


class LineMode:
    """The line mode: a case, a model, and two ways to talk, so that a test can listen."""

    def __init__(
        self,
        services: Services,
        say: Callable[[str], None] = print,
        ask: Callable[[str], str] = input,
        secret: Callable[[str], str] = getpass.getpass,
        release: Callable[[str], None] | None = None,
    ) -> None:
        """`release` puts text on a clipboard, if there is one."""
        self.services = services
        self.case = Case(services.place, services.sessions, services.clock)
        self.model: LanguageModel | None = None
        self.choice: ModelChoice | None = None
        self.at = 0
        self.ask, self.secret, self.release = ask, secret, release
        self._say = say
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The user's settings, the same as for the screen."""
        self._settings = self._settings or stored.load(self.services.settings)
        return self._settings

    def remember(self, settings: Settings) -> None:
        """Keep settings; if they cannot be written, say so: they apply until the end."""
        self._settings = settings
        try:
            stored.save(self.services.settings, settings)
        except EdgemedError as error:
            self.complain("Note: ", error)

    def say(self, words: str) -> None:
        """One line, literal: a line end in it is shown as a sign."""
        self._say(one_line(words))

    def tell(self, *parts: str) -> None:
        """One line of sentences, each with a full stop if it has no end."""
        self.say(sentences(*parts))

    def complain(self, before: str, fault: Fault) -> None:
        """What went wrong, in a line that begins with `before`, and what helps."""
        for row in fault_rows(before, fault):
            self.say(row)

    @property
    def session(self) -> Session:
        """The session as it stands."""
        return self.case.session

    def close(self) -> None:
        """End the engine."""
        if self.model is not None:
            self.model.close()


@contextmanager
def undivided() -> Iterator[None]:
    """Ctrl-C and a lost terminal wait until this is done, so that nothing is logged without being
    done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked: list[int] = []

    def later(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    found = {number: signal.getsignal(number) for number in (signal.SIGINT, *SIGNALS)}
    before = {number: handler for number, handler in found.items() if callable(handler)}
    for number in before:
        signal.signal(number, later)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:  # if both came, a lost terminal counts, not Ctrl-C
        last = next((number for number in asked if number != signal.SIGINT), asked[0])
        before[signal.Signals(last)](last, None)


def sentence(line: LineMode) -> str:
    """What would be lost now, as a sentence of its own; empty if nothing would."""
    words = line.case.at_stake.words if line.case.at_stake else ""
    return sentences(capital(words))


def number_of(typed: str, most: int) -> int:
    """A number from 1 to `most`, in the digits of any script."""
    if most < 1:
        raise UsageError("there is nothing to choose from", "type: help")
    typed = typed.strip()
    if not typed.isdecimal() or len(typed) > LONGEST or not 1 <= int(typed) <= most:
        raise UsageError(f"a number from 1 to {most} is needed", "type: help")
    return int(typed)
