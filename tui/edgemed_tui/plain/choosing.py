"""Choosing in the line mode without knowing a name: a numbered list, then a number."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edgemed.clinic.case import sessions
from edgemed.clinic.summarizing.template import Template, fill
from edgemed.clinic.summarizing.template_files import BrokenTemplate, load_template, read_templates
from edgemed.errors import Refused, UsageError
from edgemed.storage.names import refuse_odd_name
from edgemed_tui import clipboard
from edgemed_tui.folders import NOTES, listed
from edgemed_tui.plain import asking
from edgemed_tui.plain.line import LineMode, number_of
from edgemed_tui.sentences import sentences
from edgemed_tui.typed import path_of

T = TypeVar("T")
MOST = 40  # files that are read out


def one_of(line: LineMode, what: str, rows: Iterable[tuple[str, T]]) -> T:
    """Print the rows with their numbers, and ask for one."""
    found = list(rows)
    for number, (words, _) in enumerate(found, 1):
        line.tell(f"{number}: {words}")
    if not found:
        raise UsageError("there is nothing to choose from", "type: help")
    return found[asking.number(line, f"{what}, a number: ", len(found)) - 1][1]


def template(line: LineMode) -> Template:
    """A template, and what its fields hold."""
    found, broken = read_templates()
    tell_broken(line, broken)
    rows = [(sentences(form.title, form.purpose), form) for form in found]
    form = one_of(line, "Template", rows)
    given = {}
    for name, field in form.fields.items():
        values = dict.fromkeys((field.default, *field.values))
        given[name] = one_of(line, field.label, [(value, value) for value in values])
    return fill(form, given)


def named(typed: str) -> Template:
    """The template of that name, or of that number in the list."""
    found, _ = read_templates()
    if not typed.strip().isdecimal() or typed in (form.name for form in found):
        return load_template(typed)
    return found[number_of(typed, len(found)) - 1]


def tell_broken(line: LineMode, broken: Iterable[BrokenTemplate]) -> None:
    """Name the template files that cannot be used, and the remedy."""
    for path, fault in broken:
        line.complain(f"{path.name} cannot be used: ", fault)


def note(line: LineMode) -> Path:
    """A note of the folder of notes."""
    found = [e for e in listed(line.services.notes, NOTES).entries if not e.is_folder][:MOST]
    if not found:
        raise UsageError("no note is in this folder", "type: note FILE, or paste, or sample")
    return one_of(line, "Note", [(f"{e.path.name}, {e.about}", e.path) for e in found])


def session(line: LineMode) -> Path:
    """The file of a saved session."""
    found = sessions.saved_in(line.services.sessions)
    return one_of(line, "Session", [(path.stem, path) for path in found])


def saved_as(line: LineMode, typed: str) -> Path:
    """The file of the saved session of that name, or of that number in the list."""
    path = line.services.sessions / path_of(f"{typed}{sessions.ENDING}")
    refuse_odd_name(path, "the session")
    if path.is_file():
        return path
    found = sessions.saved_in(line.services.sessions)
    if typed.strip().isdecimal() and found:
        return found[number_of(typed, len(found)) - 1]
    raise UsageError(f"no session is saved as {typed}", "type: sessions; for a note: note FILE")


def copy(line: LineMode, rest: str) -> None:
    """copy [off] (off: no signed text is copied any more)"""
    if rest == "off":
        if line.settings.clipboard:
            allow(line, False)
        line.say("Copying is off.")
        return
    line.case.may_give_out()
    if line.release is None:
        raise Refused("the output is not a terminal with a clipboard", "type: export FILE")
    if not line.settings.clipboard:
        line.say(" ".join(clipboard.COPYING.split()))
        if not asking.agreed(line, "Allow copying from now on?"):
            raise Refused("it is not copied", "type: export FILE")
        allow(line, True)
    release = line.release
    asking.decide(line, lambda: line.case.copy_out(release))
    line.say("Sent to the terminal's clipboard; not every terminal takes it. copy off forbids it.")


def allow(line: LineMode, allowed: bool) -> None:
    """Allow or forbid copying; the change is logged."""
    asking.decide(line, lambda: line.case.allow_copying(allowed))
    line.remember(replace(line.settings, clipboard=allowed))
