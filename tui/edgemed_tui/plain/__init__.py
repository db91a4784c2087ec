"""The same steps from note to signature, line by line: for screen readers and simple terminals.

No boxes, no colours, no cursor movement: one question, some lines of answer. Every rule is in
`edgemed.clinic.case.case`, as for the screen.
"""

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from typing import NamedTuple

from edgemed.clinic.case.kept import Unsaved
from edgemed.errors import LOG_LINE, EdgemedError
from edgemed_tui import clipboard, hangup
from edgemed_tui.crash import place_of
from edgemed_tui.foreseen import foreseen
from edgemed_tui.hangup import HUNG_UP, end_soon
from edgemed_tui.plain import choosing, deciding, documents, writing
from edgemed_tui.plain.line import LineMode, sentence, undivided
from edgemed_tui.remedies import remedy
from edgemed_tui.services import Services

if sys.platform == "win32":
    from edgemed_tui.hangup_windows import ignore, watched
else:
    from edgemed_tui.hangup_posix import ignore, watched

PROMPT = "edgemed> "
LONGEST_WORD = 40  # characters of an unknown command that are read out
LOST = 1  # exit code where the input ended with unsaved work


class HungUp(BaseException):
    """The terminal is gone, or the machine shuts down: no Exception, so that nothing handles it."""


def run(services: Services, note: str | None = None) -> int:
    """Ask and answer until `quit` or the end of the input; 1 if work was lost with it.

    A lost terminal and a shutdown end it too (129); a session that was saved is saved first.
    """
    decode_anything()
    line = LineMode(services, release=clipboard.of_terminal())
    try:
        with watched(lambda: hung_up(line)):
            return talk(line, note)
    except HungUp:
        return HUNG_UP


def hung_up(line: LineMode) -> None:
    """The terminal is gone: save if the session was saved before, then end. As on the screen."""
    ignore()
    end_soon(hangup.GRACE)
    with suppress(EdgemedError):  # nobody is left to be told
        line.case.save_again()
    if threading.current_thread() is threading.main_thread():
        raise HungUp


def talk(line: LineMode, note: str | None = None) -> int:
    """A whole conversation: nothing but `quit` and the end of the input ends it."""
    try:
        line.say("edgemed, line by line. Type help for the commands.")
        if note is not None:
            guarded(line, lambda: writing.take(line, note))
        while True:
            with suppress(KeyboardInterrupt):  # one that came while another was answered
                return conversation(line)
    except OSError:  # the terminal is gone: nobody can be asked
        return 0 if kept(line) else LOST
    finally:
        line.close()


def decode_anything() -> None:
    """Bytes that are not text in the terminal's encoding become visible signs, not an error."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")


def conversation(line: LineMode) -> int:
    """One line after the other. Ctrl-C ends the current step, never the conversation."""
    warned = False
    while True:
        try:
            typed = line.ask(PROMPT)
        except KeyboardInterrupt:
            line.say("Type quit to end.")
            continue
        except UnicodeError:
            line.say("That is not text in the terminal's encoding.")
            continue
        except (EOFError, RuntimeError, ValueError):  # the last two: standard input was closed
            if kept(line):
                return 0
            if warned:
                line.say("Ended. It was not kept.")
                return LOST
            line.say(f"{sentence(line)} Type save, or quit to lose it;")
            line.say("ending the input once more quits and loses it.")
            warned = True
            continue
        warned = False
        if not answer(line, typed):
            return 0


def answer(line: LineMode, typed: str) -> bool:
    """Run one line; false if it asks to end. Nothing else ends the conversation."""
    word, _, rest = typed.strip().partition(" ")
    if not word:
        return True
    if word == "quit":
        ending: list[bool] = []
        guarded(line, lambda: ending.append(may_end(line)))
        return ending != [True]
    command = COMMANDS.get(word)
    if command is None:
        line.tell(f"There is no command {word[:LONGEST_WORD]}", "Type help.")
        return True
    guarded(line, lambda: command.run(line, rest.strip()))
    return True


def may_end(line: LineMode) -> bool:
    """Whether nothing is lost by ending, or the user says that it may be."""
    try:
        end(line)
    except EdgemedError as error:  # unsaved, or saving failed
        if not isinstance(error, Unsaved):
            line.complain("Not saved: ", error)
        writing.may_lose(line)
    return True


def guarded(line: LineMode, act: Callable[[], None]) -> None:
    """Run a command; any error is reported, and the session stays."""
    try:
        act()
    except KeyboardInterrupt:
        line.say("Stopped.")
    except EOFError:
        line.say("Not done: the answer is missing.")
    except Exception as error:
        tell_fault(line, error)


def tell_fault(line: LineMode, error: Exception) -> None:
    """What went wrong, and the remedy. Of an unexpected error only the place: its text could quote
    a note."""
    if (fault := foreseen(error)) is None:
        line.tell(f"Not done: {place_of(error)}", "The session is as it was.")
        line.say("What helps: save the session, and report this line.")
        return
    line.tell(f"Not done: {fault.message}")
    if fault.hint:
        words, *log = remedy(fault.hint).split(LOG_LINE)
        line.tell(f"What helps: {words}")
        for row in log:
            line.say(row)


def kept(line: LineMode) -> bool:
    """Whether nothing is lost by ending now; saves where saving has begun in this conversation."""
    with suppress(EdgemedError, OSError):
        end(line)
    return line.case.at_stake is None


def end(line: LineMode) -> None:
    """End the case; EdgemedError if it may not end, or cannot be saved."""
    with undivided():
        saved = line.case.close()
    deciding.tell_saved(line, saved)


def help_text(line: LineMode, rest: str) -> None:
    """help"""
    for command in COMMANDS.values():
        line.tell(f"{(command.run.__doc__ or '').splitlines()[0]}: {command.about}")
    line.say("quit: end.")
    line.say(ELSEWHERE)


ELSEWHERE = """Models, merges and sweeps have commands of their own, typed in the terminal: edgemed
models, edgemed merge, edgemed sweep, edgemed inspect.""".replace("\n", " ")


class LineCommand(NamedTuple):
    """A word's function and what it is for; the function's docstring is its usage."""

    run: Callable[[LineMode, str], None]
    about: str


COMMANDS = {
    "note": LineCommand(writing.open_note, "open a note"),
    "paste": LineCommand(writing.paste, "paste or type a note"),
    "sample": LineCommand(writing.sample, "open the sample note, an invented patient"),
    "source": LineCommand(writing.source, "read the note by line numbers"),
    "templates": LineCommand(writing.templates, "list the templates"),
    "template": LineCommand(writing.template, "choose a template"),
    "models": LineCommand(writing.models, "list the models"),
    "model": LineCommand(writing.model, "load a model"),
    "draft": LineCommand(writing.draft, "let the model write"),
    "read": LineCommand(writing.read, "read the draft by line numbers"),
    "documents": LineCommand(documents.documents, "list the documents of this note"),
    "document": LineCommand(documents.document, "open another document of this note"),
    "addendum": LineCommand(documents.addendum, "add to a signed text"),
    "compare": LineCommand(documents.compare, "see what was changed"),
    "findings": LineCommand(deciding.findings, "everything the check found"),
    "next": LineCommand(deciding.following, "the next finding"),
    "previous": LineCommand(deciding.previous, "the previous finding"),
    "evidence": LineCommand(deciding.evidence, "what the note says about a line of the draft"),
    "dismiss": LineCommand(deciding.dismiss, "dismiss a finding, with a reason"),
    "restore": LineCommand(deciding.restore, "undo a dismissal"),
    "insert": LineCommand(deciding.insert, "add a fact that was left out, as a line to edit"),
    "edit": LineCommand(deciding.edit, "change a line of the draft"),
    "sign": LineCommand(deciding.sign, "sign"),
    "export": LineCommand(deciding.export_text, "write the signed text to a file"),
    "copy": LineCommand(choosing.copy, "put the signed text on the clipboard"),
    "seal": LineCommand(deciding.keep_seal, "keep a seal of the audit log elsewhere"),
    "save": LineCommand(deciding.save, "save the session, encrypted"),
    "sessions": LineCommand(deciding.saved, "list the saved sessions"),
    "open": LineCommand(deciding.open_saved, "open a saved session"),
    "help": LineCommand(help_text, "list the commands"),
}
