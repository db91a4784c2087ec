"""The same way from note to signature line by line: for screen readers and bare terminals.

No boxes, no colours, no cursor movement: one question, some lines of answer. Every rule is in
`edgemed.clinic.session`, as for the screen.
"""

from collections.abc import Callable
from typing import NamedTuple

from edgemed_models.base import ModelError

from edgemed.errors import LOG_LINE, EdgemedError
from edgemed_tui.desk import Desk
from edgemed_tui.plain import deciding, writing
from edgemed_tui.plain.line import Line

PROMPT = "edgemed> "


def run(desk: Desk, note: str | None = None) -> int:
    """Ask and answer until `quit` or the end of the input."""
    line = Line(desk)
    line.say("edgemed, line by line. Type help for the commands.")
    try:
        if note is not None:
            writing.take(line, note)
        while answer(line, line.ask(PROMPT)):
            continue
    except EOFError:
        line.say("")
    finally:
        line.close()
    return 0


def answer(line: Line, typed: str) -> bool:
    """Do what one line asks; false when it asks to end."""
    word, _, rest = typed.strip().partition(" ")
    if not word:
        return True
    if word == "quit":
        return not may_end(line)
    command = COMMANDS.get(word)
    if command is None:
        line.say(f"There is no command {word}. Type help.")
        return True
    try:
        command.run(line, rest.strip())
    except (EdgemedError, ModelError) as error:
        line.say(f"Not done: {error.message}.")
        if error.hint:
            for row in f"What helps: {error.hint}.".split(LOG_LINE):
                line.say(row)
    return True


def may_end(line: Line) -> bool:
    """Whether unsaved work may be lost."""
    if not line.session.text or line.session == line.kept:
        return True
    return line.ask("The draft is neither saved nor exported. Lose it? (yes/no) ") == "yes"


def help_text(line: Line, rest: str) -> None:
    """help"""
    for command in COMMANDS.values():
        line.say(f"{(command.run.__doc__ or '').splitlines()[0]}: {command.about}.")
    line.say("quit: end.")


class Command(NamedTuple):
    """A word's function and what it is for; the function's docstring is its usage."""

    run: Callable[[Line, str], None]
    about: str


COMMANDS = {
    "note": Command(writing.open_note, "open a note"),
    "paste": Command(writing.paste, "take a note from the clipboard or the keyboard"),
    "source": Command(writing.source, "read the note by line numbers"),
    "templates": Command(writing.templates, "list the templates"),
    "template": Command(writing.template, "choose a template"),
    "models": Command(writing.models, "list the models"),
    "model": Command(writing.model, "load a model"),
    "draft": Command(writing.draft, "let the model write"),
    "read": Command(writing.read, "read the draft by line numbers"),
    "findings": Command(deciding.findings, "everything the check found"),
    "next": Command(deciding.following, "the next finding"),
    "previous": Command(deciding.previous, "the previous finding"),
    "evidence": Command(deciding.evidence, "what the note says to a line of the draft"),
    "dismiss": Command(deciding.dismiss, "set a finding aside with a reason"),
    "insert": Command(deciding.insert, "take over what was left out, as a line to edit"),
    "edit": Command(deciding.edit, "change a line of the draft"),
    "sign": Command(deciding.sign, "sign"),
    "export": Command(deciding.export_text, "write the signed text to a file"),
    "save": Command(deciding.save, "save the session, encrypted"),
    "open": Command(deciding.open_saved, "open a saved session"),
    "help": Command(help_text, "these lines"),
}
