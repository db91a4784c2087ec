"""The line mode's commands up to a draft: note, template, model, draft, and reading them."""

from collections.abc import Iterator

from edgemed_models.base import Done, Event, Failed, ModelError, Piece, Prefill

from edgemed.clinic import history
from edgemed.clinic import session as steps
from edgemed.clinic.note import parse, read_note
from edgemed.clinic.summarize import summarize
from edgemed.clinic.template import Template, list_templates, load_template, readable
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.local_models.demonstration import LEARNED, UNLEARNED
from edgemed_tui.checker import CheckBroke
from edgemed_tui.crash import place_of
from edgemed_tui.desk import ModelChoice, origin_of
from edgemed_tui.plain.line import Line, number_of, path_of

QUARTER = 0.25  # progress is told this often: every line is read out


def take(line: Line, text: str) -> None:
    """Begin a session on a note, unless that would lose work."""
    opened = steps.opened(text)
    refuse_loss(line)
    line.session = line.kept = opened
    line.saved_as = None
    note = parse(line.session.source)
    rows = len(line.session.source.splitlines())
    line.say(f"The note has {rows} lines, {len(note.text)} characters.")


def may_lose(line: Line) -> bool:
    """Whether the present draft may go: it is kept, or the user says so."""
    if not line.unsaved:
        return True
    return line.ask("The draft is neither saved nor exported. Lose it? (yes/no) ") == "yes"


def refuse_loss(line: Line) -> None:
    """Refused unless the present draft may go."""
    if not may_lose(line):
        raise Refused("the draft stays", "type: save, or sign it and: export FILE")


def open_note(line: Line, rest: str) -> None:
    """note FILE"""
    take(line, read_note(path_of(rest)).text)


def paste(line: Line, rest: str) -> None:
    """paste, then the note, then a line with a single full stop"""
    line.say("Paste the note; end with a line that holds only a full stop.")
    rows: list[str] = []
    try:
        while (row := line.ask("")) != ".":
            rows.append(row)
    except EOFError:  # the other usual way to end what is typed
        line.say("")
    take(line, "\n".join(rows) + "\n")


def source(line: Line, rest: str) -> None:
    """source [FIRST-LAST]"""
    rows = line.session.source.splitlines()
    first, _, last = (rest or f"1-{len(rows)}").partition("-")
    for number in range(number_of(first, len(rows)), number_of(last or first, len(rows)) + 1):
        line.say(f"{number}: {rows[number - 1]}")


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
        line.model = line.choice = None  # what stops the loading leaves none
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
    refuse_loss(line)
    if line.model is None:
        model(line, "1")
    assert line.model is not None and line.choice is not None
    form = load_template(line.template)
    written, cut = listen(line, summarize(line.model, parse(line.session.source), form))
    if not written.strip():
        line.say("The model wrote nothing. What stood before stands.")
        return
    origin = origin_of(hashed(line, line.choice), form, line.model.context)
    text = as_lines(line, form, written, cut)
    after = steps.drafted(steps.opened(line.session.source), origin, text, cut=cut)
    line.saved_as = None  # what was saved before, signed perhaps, keeps its file
    line.took_place(after, lambda log, s: history.drafted(log, s, line.who, line.desk.clock()))
    check(line)
    read(line, "")


def hashed(line: Line, choice: ModelChoice) -> ModelChoice:
    """The choice with its hashes; without them where they cannot be had, for the draft is there."""
    try:
        return line.desk.hashes_of(choice)
    except (Exception, KeyboardInterrupt) as error:
        line.say(f"The model's file has no hash in the log: {told(error)}.")
        return choice


def as_lines(line: Line, form: Template, written: str, cut: bool) -> str:
    """The draft as it is read; as the model wrote it where it is not of the template's form."""
    if cut:
        return written
    try:
        return readable(form, written)
    except EdgemedError as error:
        line.say(f"The draft stands as it was written: {error.message}.")
        return written


def told(error: BaseException) -> str:
    """What may be said of an error: our own words, else its kind and place."""
    return error.message if isinstance(error, EdgemedError | ModelError) else place_of(error)


def listen(line: Line, events: Iterator[Event]) -> tuple[str, bool]:
    """What the model writes, and whether it was cut; progress in quarters."""
    written: list[str] = []
    try:
        cut = heard(line, events, written)
    except KeyboardInterrupt:  # the stream has ended itself; what came so far stands
        line.say("Stopped. The draft is not complete.")
        cut = True
    except Exception as error:  # what was written so far is kept, whatever broke
        if not written:
            raise
        line.say(f"The engine failed: {told(error)}. What was written so far is kept.")
        cut = True
    return "".join(written), cut


def heard(line: Line, events: Iterator[Event], written: list[str]) -> bool:
    """Add to `written` as it comes; whether it was cut before its end."""
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
            return event.reason != "stop"
        elif isinstance(event, Failed):
            line.say(f"The engine failed: {event.message}. {event.hint}.")
    return True


def check(line: Line) -> None:
    """Compare the text with the note, and say how much was found."""
    text = line.session.text
    line.at = 0
    try:
        review = line.desk.review(line.session.source, text)
    except CheckBroke as error:
        line.say(f"The check failed: {error}. The draft is unchecked; findings checks it again.")
        return
    line.session = steps.reviewed(line.session, text, review)
    found, major = steps.open_findings(line.session), steps.major_flags(line.session)
    line.say(f"Findings: {len(found)}, of these major flags: {len(major)}.")


def read(line: Line, rest: str) -> None:
    """read"""
    origin = line.session.origin
    if origin is not None and origin.demonstration:
        line.say(f"{steps.DEMONSTRATION}.")
    for number, row in enumerate(line.session.text.splitlines(), 1):
        line.say(f"{number}: {row}")
