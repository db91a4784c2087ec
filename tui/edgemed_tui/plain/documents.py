"""The line mode's commands on the documents of a note: list, open, add to, compare."""

from edgemed.clinic.case import export
from edgemed.clinic.case.session import added_to
from edgemed_tui.plain import asking
from edgemed_tui.plain.line import LineMode, number_of
from edgemed_tui.plain.writing import check, read_checked, rows_typed
from edgemed_tui.widgets.difference import rows


def documents(line: LineMode, rest: str) -> None:
    """documents"""
    for number, document in enumerate(line.session.documents, 1):
        here = "Open now" if number == line.session.number else ""
        model = f", by {document.origin.model}" if document.origin else ""
        line.tell(f"{number}: {document.name}{model}", document.state, here)
    if not line.session.documents:
        line.say("There is no document yet. Type draft.")


def document(line: LineMode, rest: str) -> None:
    """document [NUMBER] (without a number all are listed)"""
    count = len(line.session.documents)
    if not rest and count:
        documents(line, "")
        line.case.turn_to(asking.number(line, "Document, a number: ", count))
    else:
        line.case.turn_to(number_of(rest, count))
    line.at = 0
    read_checked(line)


def addendum(line: LineMode, rest: str) -> None:
    """addendum, then its text, then a line with a single full stop"""
    line.case.may_add()
    line.say("Type the addendum; end with a line that holds only a full stop.")
    typed = rows_typed(line, "addendum")
    line.case.begin_addendum()
    line.case.edit("\n".join(typed) + "\n" if typed else "")
    base = added_to(line.session)
    assert base is not None
    line.say(f"{export.heading(base)} To sign it: sign.")
    check(line)


def compare(line: LineMode, rest: str) -> None:
    """compare [NUMBER] (without a number with the draft as the model wrote it)"""
    count = len(line.session.documents)
    before = line.case.compared(number_of(rest, count) if rest else 0)
    if before == line.session.text:
        line.say("Nothing is different.")
        return
    for row in rows(before, line.session.text):
        line.say(row.plain)
