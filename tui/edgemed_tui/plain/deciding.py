"""The line mode's commands on a draft: findings, edits, signature, export, saving."""

from pathlib import Path

from edgemed.amounts import amount
from edgemed.clinic.case import session as steps
from edgemed.clinic.case import sessions, signing
from edgemed.clinic.case.verdict import verdict
from edgemed.clinic.findings import Omission, Review
from edgemed.clinic.vital.shown import TITLE, vital_lines
from edgemed.errors import Refused, UsageError
from edgemed.logs import seals
from edgemed_tui.literal import one_line
from edgemed_tui.plain import asking, choosing
from edgemed_tui.plain.line import LineMode, number_of, undivided
from edgemed_tui.plain.writing import check, may_lose, read_checked, tell_template
from edgemed_tui.sentences import sentences
from edgemed_tui.typed import path_of

NAME = "Your name (you sign that you have read the text against the note): "
PASSPHRASE = "Passphrase: "
SHOWS = "It shows later whether the log still holds these rows."


def findings(line: LineMode, rest: str) -> None:
    """findings"""
    check(line)  # an earlier check may have failed, or have been stopped
    for number in range(1, len(steps.findings(line.session)) + 1):
        describe(line, number)
    for words in vital_lines(line.session.review):
        line.say(f"{TITLE}: {words}")


def describe(line: LineMode, number: int) -> None:
    """One finding in words, with what the note says."""
    finding = steps.findings(line.session)[number - 1]
    line.at = number
    entry = steps.dismissal_of(line.session, finding)
    state = f"Dismissed: {entry.reason}" if entry else ""
    head = f"Finding {number}, {finding.severity}"
    if isinstance(finding, Omission):
        line.tell(f"{head}, left out, {finding.kind}: {finding.reason}", state)
        line.say(f"The note says: {steps.quoted(line.session.source, finding.source)}")
        return
    line.tell(f"{head}, {finding.check}: {finding.reason}", state)
    line.say(f"The draft says: {steps.quoted(line.session.text, finding.draft)}")
    for span in finding.source:
        line.say(f"The note says: {steps.quoted(line.session.source, span)}")


def following(line: LineMode, rest: str) -> None:
    """next"""
    describe(line, line.at % count_of(line) + 1)


def previous(line: LineMode, rest: str) -> None:
    """previous"""
    describe(line, (line.at - 2) % count_of(line) + 1)


def count_of(line: LineMode) -> int:
    """How many findings there are to go through. UsageError if there is none; a text that was not
    checked gets another error."""
    checked(line)
    if count := len(steps.findings(line.session)):
        return count
    raise UsageError("there are no findings", "still compare the draft with the note yourself")


def checked(line: LineMode) -> Review:
    """What the check of the open text found. UsageError if there was no check."""
    if line.session.review is not None:
        return line.session.review
    if line.session.text.strip():
        raise UsageError("the text has not been checked", "type: findings")
    raise UsageError("there is no text yet", "type: draft")


def evidence(line: LineMode, rest: str) -> None:
    """evidence LINE"""
    rows = line.session.text.splitlines(keepends=True)
    number = number_of(rest, len(rows))
    start = sum(len(row) for row in rows[: number - 1])
    end = start + len(rows[number - 1])
    for claim in checked(line).claims:
        if start <= claim.draft.start < end:
            line.say(f"{steps.quoted(line.session.text, claim.draft)} ({claim.says})")
            for span in claim.evidence:
                line.say(f"  the note: {steps.quoted(line.session.source, span)}")


def dismiss(line: LineMode, rest: str) -> None:
    """dismiss NUMBER"""
    finding = meant(line, rest)
    line.case.may_dismiss(finding)
    for number, reason in enumerate(steps.REASONS, 1):
        line.say(f"{number}: {reason}")
    reason = steps.REASONS[asking.number(line, "Reason, a number: ", len(steps.REASONS)) - 1]
    if reason == steps.OTHER:
        words = asking.words(line, "Why it does not count: ", "no reason given")
    else:
        words = line.ask("Your own words, or nothing: ")
    asking.decide(line, lambda: line.case.dismiss(finding, reason, words))
    line.say("Dismissed.")


def restore(line: LineMode, rest: str) -> None:
    """restore NUMBER"""
    finding = meant(line, rest)
    asking.decide(line, lambda: line.case.restore(finding))
    line.say("The finding is open again.")


def meant(line: LineMode, rest: str) -> steps.Finding:
    """The finding with that number, or the one read out last."""
    found = steps.findings(line.session)
    return found[number_of(rest or str(line.at), len(found)) - 1]


def insert(line: LineMode, rest: str) -> None:
    """insert NUMBER"""
    finding = meant(line, rest)
    if not isinstance(finding, Omission):
        raise UsageError("that finding is not an omission", "type: findings")
    line.case.insert(finding)
    check(line)


def edit(line: LineMode, rest: str) -> None:
    """edit LINE NEW TEXT (without new text the line is deleted)"""
    number, _, words = rest.partition(" ")
    at = number_of(number, len(line.session.text.splitlines()))
    line.case.edit_line(at, words)
    check(line)


def sign(line: LineMode, rest: str) -> None:
    """sign"""
    check(line)  # an earlier check may have failed, or have been stopped
    line.case.may_sign()
    reason = ""
    if signing.needs_reason(line.session):
        line.tell(verdict(line.session).words)
        reason = asking.words(line, "Why you sign anyway: ", "without a reason it is not signed")
    by = asking.words(line, NAME, "a signature needs a name")
    rows = len(line.session.text.splitlines())
    asked = f"{one_line(by.strip())} signs {amount(rows, 'line')}; after that they cannot change"
    asked = sentences(asked, signing.staying_open(line.session))
    if not asking.agreed(line, f"{asked} Sign?"):
        raise Refused("it is not signed", "type: sign")
    asking.decide(line, lambda: line.case.sign(by, reason))
    line.say("Signed. The text can no longer change. To keep a seal of the log: seal FOLDER.")
    if due := line.case.reminder():
        line.tell(f"Note: {due}")


def keep_seal(line: LineMode, rest: str) -> None:
    """seal [FOLDER] (without a folder the stick that is plugged in)"""
    folder = path_of(rest) if rest else seals.only_medium()
    try:
        path = line.case.keep_seal(folder)
    except seals.NotInLog as fault:
        line.complain("Note: ", fault)
        return
    line.tell(f"Seal kept as {path.name}", SHOWS)
    if seals.on_this_disk(line.services.place, path):
        line.say("This is the log's own disk: keep a copy on a stick.")


def export_text(line: LineMode, rest: str) -> None:
    """export FILE (ending in .txt, .md or .json)"""
    line.case.may_give_out()
    path = path_of(rest)
    asking.decide(line, lambda: line.case.export(path))
    line.tell(f"Exported to {path}")


def save(line: LineMode, rest: str) -> None:
    """save [NAME] (what you call the session, kept inside it, encrypted)"""
    line.case.may_save()
    if rest:
        line.case.call(rest)
    lock = None if line.case.lock else new_lock(line)
    with undivided():
        path = line.case.save(lock)
    tell_saved(line, path)
    line.say("From now on it is also saved when you quit, or when the terminal is lost.")


def new_lock(line: LineMode) -> sessions.Lock:
    """Ask for a passphrase, twice; it stays in memory until the end."""

    def twice(typed: str) -> sessions.Lock:
        lock = sessions.make_lock(typed)
        if not sessions.opens(lock, line.secret("The same again: ")):
            raise Refused("the two are not the same", "type: save")
        return lock

    return asking.answered(line, PASSPHRASE, twice, wrong=Refused, secret=True)


def tell_saved(line: LineMode, path: Path | None) -> None:
    """Say under which name the session was saved, if it was."""
    if path is not None:
        line.tell(f"Saved, encrypted, as {path.stem}")
    if line.case.apart:
        line.tell(f"Note: {line.case.apart}")


def saved(line: LineMode, rest: str) -> None:
    """sessions [names] (names: those you gave, of the sessions that a passphrase opens)"""
    found = sessions.saved_in(line.services.sessions)
    asked = rest == "names" and bool(found)
    labels = names_of(line, found) if asked else {}
    for number, path in enumerate(found, 1):
        line.say(f"{number}: {path.stem}{f': {labels[path]}' if labels.get(path) else ''}")
    if not found:
        line.say("No session is saved.")


def names_of(line: LineMode, found: list[Path]) -> dict[Path, str]:
    """The names of these sessions, of those that a passphrase opens."""

    def opened(typed: str) -> dict[Path, str]:
        if not (labels := sessions.labels(found, typed)):
            raise Refused("no session opens with that", "type the passphrase that saved it")
        return labels

    return asking.answered(line, PASSPHRASE, opened, wrong=Refused, secret=True)


def open_saved(line: LineMode, rest: str) -> None:
    """open [NAME or NUMBER] (without one the saved sessions are listed)"""
    path = choosing.saved_as(line, rest) if rest else choosing.session(line)
    lose = may_lose(line)
    asking.answered(
        line,
        PASSPHRASE,
        lambda typed: line.case.open_saved(path, typed, lose=lose),
        wrong=sessions.WrongPassphrase,
        secret=True,
    )
    line.at = 0
    tell_template(line)
    read_checked(line)
