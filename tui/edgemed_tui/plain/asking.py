"""Questions of the line mode. After an answer that cannot be taken it asks again, three times in
all, so that a slip costs no work and a script that answers nothing ends. Ctrl-C goes back."""

from collections.abc import Callable
from typing import TypeVar

from edgemed.clinic.case.case import NotLogged
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed_tui.plain.line import LineMode, number_of, undivided
from edgemed_tui.sentences import capital

T = TypeVar("T")
TRIES = 3
WORDS = {"yes": True, "y": True, "no": False, "n": False, "": False}


def answered(
    line: LineMode,
    question: str,
    taken: Callable[[str], T],
    *,
    wrong: type[EdgemedError] = UsageError,
    secret: bool = False,
) -> T:
    """What `taken` makes of the answer. If it raises `wrong`, the reason is shown and the question
    is asked again; the last one is raised. `secret` answers are not shown while they are typed."""
    ask = line.secret if secret else line.ask
    for _ in range(TRIES - 1):
        try:
            return taken(ask(question))
        except wrong as fault:
            line.tell(capital(fault.message), "Type it again")
    return taken(ask(question))


def number(line: LineMode, question: str, most: int) -> int:
    """A number from 1 to `most`; UsageError if there is nothing to choose from."""
    if most < 1:
        return number_of("", most)
    return answered(line, question, lambda typed: number_of(typed, most))


def agreed(line: LineMode, question: str) -> bool:
    """Whether the answer is yes. An empty answer is no, and so are three that are neither."""

    def meant(typed: str) -> bool:
        if (word := typed.strip().casefold()) not in WORDS:
            raise UsageError("yes or no is needed")
        return WORDS[word]

    try:
        return answered(line, f"{question} (yes/no) ", meant)
    except UsageError:
        return False


def words(line: LineMode, question: str, missing: str) -> str:
    """What is typed; `missing` is the message if nothing is."""

    def some(typed: str) -> str:
        if not typed.strip():
            raise Refused(missing, "type it")
        return typed

    return answered(line, question, some, wrong=Refused)


def decide(line: LineMode, step: Callable[[], None]) -> None:
    """Take a step that is logged. Refused if the log refuses and the user does not try again."""
    while (fault := refusal(step)) is not None:
        line.complain("The log refuses: ", fault)
        if not agreed(line, "Try again?"):
            raise Refused("it was not logged", "type it again later; save keeps the session")


def refusal(step: Callable[[], None]) -> NotLogged | None:
    """Why the log refuses a step, or None."""
    try:
        with undivided():
            step()
    except NotLogged as fault:
        return fault
    return None
