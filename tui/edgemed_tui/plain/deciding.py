"""The line mode's commands on a draft: findings, edits, signature, export, saving."""

from edgemed.clinic import export, history
from edgemed.clinic import session as steps
from edgemed.clinic.findings import Omission
from edgemed.errors import UsageError
from edgemed.logs import seals, sessions
from edgemed_tui.plain.line import Line, number_of, path_of
from edgemed_tui.plain.writing import check, read, refuse_loss


def findings(line: Line, rest: str) -> None:
    """findings"""
    if line.session.text and line.session.review is None:  # an earlier check broke or was stopped
        check(line)
    for number in range(1, len(steps.findings(line.session)) + 1):
        describe(line, number)


def describe(line: Line, number: int) -> None:
    """One finding in words, with what the note says."""
    finding = steps.findings(line.session)[number - 1]
    line.at = number
    entry = steps.dismissal_of(line.session, finding)
    state = f" Dismissed: {entry.reason}." if entry else ""
    head = f"Finding {number}, {finding.severity}"
    if isinstance(finding, Omission):
        line.say(f"{head}, left out, {finding.kind}: {finding.reason}.{state}")
        line.say(f"The note says: {steps.quoted(line.session.source, finding.source)}")
        return
    line.say(f"{head}, {finding.check}: {finding.reason}.{state}")
    line.say(f"The draft says: {steps.quoted(line.session.text, finding.draft)}")
    for span in finding.source:
        line.say(f"The note says: {steps.quoted(line.session.source, span)}")


def following(line: Line, rest: str) -> None:
    """next"""
    count = len(steps.findings(line.session))
    if not count:
        raise UsageError("there are no findings", "read the draft against the note all the same")
    describe(line, line.at % count + 1)


def previous(line: Line, rest: str) -> None:
    """previous"""
    count = len(steps.findings(line.session))
    if not count:
        raise UsageError("there are no findings", "read the draft against the note all the same")
    describe(line, (line.at - 2) % count + 1)


def evidence(line: Line, rest: str) -> None:
    """evidence LINE"""
    rows = line.session.text.splitlines(keepends=True)
    number = number_of(rest, len(rows))
    start = sum(len(row) for row in rows[: number - 1])
    end = start + len(rows[number - 1])
    if line.session.review is None:
        raise UsageError("the text has not been checked", "type: draft")
    for claim in line.session.review.claims:
        if start <= claim.draft.start < end:
            line.say(f"{steps.quoted(line.session.text, claim.draft)} ({claim.label})")
            for span in claim.evidence:
                line.say(f"  the note: {steps.quoted(line.session.source, span)}")


def dismiss(line: Line, rest: str) -> None:
    """dismiss NUMBER"""
    found = steps.findings(line.session)
    finding = found[number_of(rest or str(line.at), len(found)) - 1]
    for number, reason in enumerate(steps.REASONS, 1):
        line.say(f"{number}: {reason}")
    reason = steps.REASONS[number_of(line.ask("Reason, a number: "), len(steps.REASONS)) - 1]
    words = line.ask("Your own words, or nothing: ")
    at = line.desk.clock()
    after = steps.dismissed(line.session, finding, reason, words, at=at)
    line.change(after, lambda log, s: history.dismissed(log, s, finding, line.who, at))
    line.say("Dismissed.")


def insert(line: Line, rest: str) -> None:
    """insert NUMBER"""
    found = steps.findings(line.session)
    finding = found[number_of(rest or str(line.at), len(found)) - 1]
    if not isinstance(finding, Omission):
        raise UsageError("that finding is nothing left out", "type: findings")
    text = f"{line.session.text.rstrip()}\n{steps.insertion(line.session, finding)}\n"
    replace_text(line, text)


def edit(line: Line, rest: str) -> None:
    """edit LINE NEW TEXT (without new text the line goes)"""
    number, _, words = rest.partition(" ")
    rows = line.session.text.splitlines()
    at = number_of(number, len(rows)) - 1
    rows[at : at + 1] = [words] if words else []
    replace_text(line, "\n".join(rows) + "\n")


def replace_text(line: Line, text: str) -> None:
    """The text changes, and is checked again."""
    line.session = steps.edited(line.session, text)
    check(line)


def sign(line: Line, rest: str) -> None:
    """sign"""
    refusal = steps.why_not_signed(line.session)
    if refusal is not None:
        raise refusal
    reason = ""
    if steps.needs_reason(line.session):
        line.say(f"Major flags are open: {len(steps.major_flags(line.session))}.")
        reason = line.ask("Why you sign nevertheless: ")
    by = line.ask("Your name (you sign that you have read the text against the note): ")
    at = line.desk.clock()
    after = steps.signed(line.session, by, at=at, reason=reason)
    line.change(after, lambda log, s: history.signed(log, s, at))
    line.who = by
    line.say("Signed. The text can no longer change. To keep a seal of the log: seal FOLDER.")
    if due := seals.reminder(line.desk.place, at):
        line.say(f"Note: {due}.")


def keep_seal(line: Line, rest: str) -> None:
    """seal [FOLDER] (without a folder the stick that is plugged in)"""
    folder = path_of(rest) if rest else seals.only_medium()
    path = seals.keep(line.desk.place, folder, line.who, line.desk.clock())
    line.say(f"Seal kept as {path.name}. It shows later whether the log still holds these rows.")
    if seals.on_this_disk(line.desk.place, path):
        line.say("This is the log's own disk: keep a copy on a stick.")


def export_text(line: Line, rest: str) -> None:
    """export FILE (ending in .txt, .md or .json)"""
    path = path_of(rest)

    def log_first(what: str) -> None:
        way, at = path.suffix, line.desk.clock()
        line.change(line.session, lambda log, s: history.given_out(log, s, way, line.who, at, what))

    export.write(line.session, path, log_first)
    line.kept = line.session
    line.say("Exported.")


def save(line: Line, rest: str) -> None:
    """save"""
    lock = sessions.make_lock(line.secret("Passphrase: "))
    if not sessions.opens(lock, line.secret("The same again: ")):
        raise UsageError("the two are not the same", "type: save")
    line.say(f"Saved, encrypted, as {save_with(line, lock)}.")


def save_with(line: Line, lock: sessions.Lock) -> str:
    """Save to the session's own file, or to a new one; its name."""
    if line.saved_as is None:
        folder, at = line.desk.sessions, line.desk.clock()
        line.saved_as = sessions.save_new(folder, at, line.session, lock)
    else:
        sessions.save(line.saved_as, line.session, lock)
    line.lock, line.kept = lock, line.session
    return line.saved_as.stem


def save_again(line: Line) -> None:
    """Save without asking, where a passphrase was given before; the input has ended."""
    if line.lock is not None:
        line.say(f"Saved, encrypted, as {save_with(line, line.lock)}.")


def open_saved(line: Line, rest: str) -> None:
    """open NAME"""
    refuse_loss(line)
    path = line.desk.sessions / path_of(f"{rest}{sessions.ENDING}")
    session, line.lock = sessions.load(path, line.secret("Passphrase: "))
    line.session = line.kept = session
    line.saved_as = path
    read(line, "")
