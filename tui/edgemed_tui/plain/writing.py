"""The line mode's commands up to a draft: note, template, model, draft, and reading them."""

from collections.abc import Iterator
from pathlib import Path

from edgemed_models.base import Done, Event, Failed, Piece, Prefill

from edgemed.clinic import history
from edgemed.clinic import session as steps
from edgemed.clinic.findings import SAYS
from edgemed.clinic.note import parse, read_note
from edgemed.clinic.reading.addressed import addressed, marked_lines, told
from edgemed.clinic.summarize import summarize
from edgemed.clinic.template import list_templates, load_template, readable
from edgemed.errors import UsageError
from edgemed.local_models.demonstration import LEARNED, UNLEARNED
from edgemed_tui.desk import origin_of
from edgemed_tui.plain.line import Line, number_of

QUARTER = 0.25  # progress is told this often: every line is read out


def take(line: Line, text: str) -> None:
    """Begin a session on a note."""
    line.session = line.kept = steps.opened(text)
    note = parse(line.session.source)
    rows = len(line.session.source.splitlines())
    line.say(f"The note has {rows} lines, {len(note.text)} characters.")
    for words in told(note.text, addressed(note.text)):
        line.say(f"See whether it belongs there: {words}.")


def open_note(line: Line, rest: str) -> None:
    """note FILE"""
    take(line, read_note(Path(rest).expanduser()).text)


def paste(line: Line, rest: str) -> None:
    """paste, then the note, then a line with a single full stop"""
    line.say("Paste the note; end with a line that holds only a full stop.")
    rows: list[str] = []
    while (row := line.ask("")) != ".":
        rows.append(row)
    take(line, "\n".join(rows) + "\n")


def source(line: Line, rest: str) -> None:
    """source [FIRST-LAST]"""
    rows = line.session.source.splitlines()
    first, _, last = (rest or f"1-{len(rows)}").partition("-")
    marked = marked_lines(line.session.source, addressed(line.session.source))
    for number in range(number_of(first, len(rows)), number_of(last or first, len(rows)) + 1):
        sign = f"[text that {SAYS[marked[number]]}] " if number in marked else ""
        line.say(f"{number}: {sign}{rows[number - 1]}")


def templates(line: Line, rest: str) -> None:
    """templates"""
    for template in list_templates():
        line.say(f"{template.name}: {template.title}. {template.purpose}.")


def template(line: Line, rest: str) -> None:
    """template NAME"""
    line.template = load_template(rest).name
    line.say(f"Template: {line.template}.")
    warn_of_template(line)


def warn_of_template(line: Line) -> None:
    """Say so where the demonstration model is to write what it has not learned."""
    chosen = line.choice
    if chosen is not None and chosen.demonstration and line.template not in ("", LEARNED):
        line.say(f"{UNLEARNED[0].upper()}{UNLEARNED[1:]}. It knows: template {LEARNED}.")


def models(line: Line, rest: str) -> None:
    """models"""
    for number, choice in enumerate(line.desk.models(), 1):
        banner = f" {steps.DEMONSTRATION}." if choice.demonstration else ""
        line.say(f"{number}: {choice.name}, {choice.about}.{banner}")


def model(line: Line, rest: str) -> None:
    """model NUMBER"""
    choices = line.desk.models()
    choice = choices[number_of(rest or "1", len(choices)) - 1]
    if line.model is not None:
        line.model.close()
    line.say(f"Loading {choice.name}.")
    line.model, line.choice = line.desk.open_model(choice), choice
    line.say(f"Loaded; {line.model.context} tokens fit.")
    warn_of_template(line)


def draft(line: Line, rest: str) -> None:
    """draft"""
    if not line.session.source:
        raise UsageError("there is no note", "type: note FILE")
    if not line.template:
        raise UsageError("no template is chosen", "type: templates, then: template NAME")
    if line.model is None:
        model(line, "1")
    assert line.model is not None and line.choice is not None
    form = load_template(line.template)
    written, cut = listen(line, summarize(line.model, parse(line.session.source), form))
    origin = origin_of(line.desk.hashes_of(line.choice), form, line.model.context)
    text = written if cut else readable(form, written)
    after = steps.drafted(steps.opened(line.session.source), origin, text, cut=cut)
    line.change(after, lambda log, s: history.drafted(log, s, line.who, line.desk.clock()))
    check(line)
    read(line, "")


def listen(line: Line, events: Iterator[Event]) -> tuple[str, bool]:
    """What the model writes, and whether it was cut; progress in quarters."""
    written: list[str] = []
    told = 0.0
    for event in events:
        if isinstance(event, Prefill) and event.done / max(1, event.total) >= told + QUARTER:
            told = event.done / max(1, event.total)
            line.say(f"Read {told:.0%} of the note.")
        elif isinstance(event, Piece):
            written.append(event.text)
        elif isinstance(event, Done):
            if event.reason != "stop":
                line.say("The draft was cut before its end.")
            return "".join(written), event.reason != "stop"
        elif isinstance(event, Failed):
            line.say(f"The engine failed: {event.message}. {event.hint}.")
    return "".join(written), True


def check(line: Line) -> None:
    """Compare the text with the note, and say how much was found."""
    text = line.session.text
    line.session = steps.reviewed(line.session, text, line.desk.review(line.session.source, text))
    line.at = 0
    found, major = steps.open_findings(line.session), steps.major_flags(line.session)
    line.say(f"Findings: {len(found)}, of these major flags: {len(major)}.")


def read(line: Line, rest: str) -> None:
    """read"""
    origin = line.session.origin
    if origin is not None and origin.demonstration:
        line.say(f"{steps.DEMONSTRATION}.")
    for number, row in enumerate(line.session.text.splitlines(), 1):
        line.say(f"{number}: {row}")
