"""The line mode's commands up to a draft: note, template, model, draft, and reading them."""

from collections.abc import Callable, Iterator

from edgemed_models.answer import Answer, collect
from edgemed_models.base import Done, Event, Failed, ModelError, Prefill

from edgemed.amounts import amount
from edgemed.clinic.case import session as steps
from edgemed.clinic.case.drafting import Ended
from edgemed.clinic.case.kept import AtStake
from edgemed.clinic.case.verdict import verdict
from edgemed.clinic.findings import SAYS
from edgemed.clinic.note import parse, read_note
from edgemed.clinic.reading.addressed import addressed
from edgemed.clinic.reading.addressed_shown import marked_lines, told
from edgemed.clinic.reviewing.counting import counted
from edgemed.clinic.summarizing.summarize import request_for, write
from edgemed.clinic.summarizing.template import fill
from edgemed.clinic.summarizing.template_files import read_templates
from edgemed.clinic.vital.shown import TITLE
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.local_models.loading import decisive
from edgemed_tui import too_long
from edgemed_tui.checker import CheckBroke
from edgemed_tui.crash import place_of
from edgemed_tui.plain import asking, choosing
from edgemed_tui.plain.choosing import tell_broken
from edgemed_tui.plain.line import LineMode, number_of, sentence, undivided
from edgemed_tui.sentences import capital, sentences
from edgemed_tui.services import ModelChoice, origin_of
from edgemed_tui.typed import path_of

UNCHECKED = "The draft is unchecked; findings checks it again."
QUARTER = 0.25  # progress is reported this often: every line is read out


def take(line: LineMode, text: str) -> None:
    """Begin a session on a note from a file, unless that would lose work."""
    line.case.may_open(text)
    line.case.open(text, lose=may_lose(line))
    tell_note(line)


def tell_note(line: LineMode) -> None:
    """Say what note is open."""
    line.at = 0
    note = parse(line.session.source)
    rows = len(line.session.source.splitlines())
    line.tell(f"The note has {amount(rows, 'line')}, {amount(len(note.text), 'character')}")
    for words in told(note.text, addressed(note.text)):
        line.tell(f"Check whether it belongs there: {words}")


def may_lose(line: LineMode) -> AtStake | None:
    """What the user gives up, None if nothing would be lost; else Refused."""
    at_stake = line.case.at_stake
    if at_stake and not asking.agreed(line, f"{sentence(line)} Discard it?"):
        raise Refused("it stays", "type: save, or sign it and: export FILE")
    return at_stake


def open_note(line: LineMode, rest: str) -> None:
    """note [FILE] (without a file those of this folder are listed)"""
    path = path_of(rest) if rest else choosing.note(line)
    take(line, read_note(path).text)


def sample(line: LineMode, rest: str) -> None:
    """sample"""
    if not line.services.sample:
        raise UsageError("there is no sample note here", "type: note FILE")
    choice = line.choice or next(iter(line.services.models()), None)  # writes if none is chosen
    learned = choice.learned if choice else ""
    line.case.open_sample(line.services.sample, learned, lose=may_lose(line))
    tell_note(line)
    if learned:
        tell_template(line)


def paste(line: LineMode, rest: str) -> None:
    """paste, then the note, then a line with a single full stop"""
    lose = may_lose(line)  # asked before it is typed: nobody wants to type it twice
    line.say("Paste the note; end with a line that holds only a full stop.")
    rows = rows_typed(line, "paste")
    line.case.open("\n".join(rows) + "\n", typed=True, lose=lose)
    tell_note(line)


def rows_typed(line: LineMode, command: str) -> list[str]:
    """What is typed up to a line with a single full stop. After Ctrl-C asks whether to use the
    lines so far; Refused if not."""
    rows: list[str] = []
    try:
        while (row := line.ask("")) != ".":
            rows.append(row)
    except EOFError:  # the other usual way to end input
        line.say("")
    except KeyboardInterrupt:
        if not rows:
            raise
        count = amount(len(rows), "line")
        asked = sentences(f"Stopped after {count}", "Use them as they are?")
        if not asking.agreed(line, asked):
            raise Refused(f"what was typed, {count}, is not used", f"type: {command}") from None
    return rows


def source(line: LineMode, rest: str) -> None:
    """source [FIRST-LAST]"""
    rows = line.session.source.splitlines()
    first, _, last = (rest or f"1-{len(rows)}").partition("-")
    marked = marked_lines(line.session.source, addressed(line.session.source))
    for number in range(number_of(first, len(rows)), number_of(last or first, len(rows)) + 1):
        sign = f"[text that {SAYS[marked[number]]}] " if number in marked else ""
        line.say(f"{number}: {sign}{rows[number - 1]}")


def templates(line: LineMode, rest: str) -> None:
    """templates"""
    found, broken = read_templates()
    tell_broken(line, broken)
    for number, template in enumerate(found, 1):
        fields = (f"Field {name}: {about.default}" for name, about in template.fields.items())
        line.tell(f"{number}: {template.name}: {template.title}", template.purpose, *fields)


def template(line: LineMode, rest: str) -> None:
    """template [NAME or NUMBER [FIELD=VALUE]] (without one all are listed)"""
    name, _, given = rest.partition(" ") if "=" in rest else (rest, "", "")
    field, _, value = given.partition("=")
    if name:
        form = fill(choosing.named(name), {field.strip(): value} if given else {})
    else:
        form = choosing.template(line)
    line.case.template = form
    tell_template(line)


def tell_template(line: LineMode) -> None:
    """Say which template the next draft follows, and what the model has to say about that."""
    if (form := line.case.template) is None:
        return
    fields = "".join(f", {key}: {shown}" for key, shown in form.values.items())
    line.tell(f"Template: {form.name}{fields}")
    warn_of_template(line)


def warn_of_template(line: LineMode) -> None:
    """Say so if the demonstration model has not learned this template."""
    if (choice := line.choice) is None or not (said := choice.warning(line.case.template)):
        return
    knows = "" if choice.limits else f"It knows: template {choice.learned}"
    line.tell(capital(said), knows)


def models(line: LineMode, rest: str) -> None:
    """models"""
    for number, choice in enumerate(line.services.models(), 1):
        line.tell(f"{number}: {about(choice)}")


def about(choice: ModelChoice) -> str:
    """A model's name, and what to know about it."""
    banner = steps.DEMONSTRATION if choice.demonstration else ""
    return sentences(f"{choice.name}, {choice.about}", banner)


def model(line: LineMode, rest: str) -> None:
    """model [NUMBER] (without a number all are listed)"""
    choices = line.services.models()
    if rest or len(choices) < 2:
        choice = choices[number_of(rest or "1", len(choices)) - 1]
    else:
        choice = choosing.one_of(line, "Model", [(about(c), c) for c in choices])
    if line.model is not None:
        line.model.close()
        line.model = line.choice = None  # if loading is stopped, there is no model
    line.tell(f"Loading {choice.name}")
    line.model, line.choice = line.services.open_model(choice), choice
    line.say(f"Loaded; {amount(line.model.context, 'token')} fit.")
    warn_of_template(line)


def draft(line: LineMode, rest: str) -> None:
    """draft"""
    form = line.case.may_draft()
    if line.model is None:
        model(line, "1")
    assert line.model is not None and line.choice is not None
    with too_long.said(too_long.LINE_BY_LINE):
        request = request_for(line.model, parse(line.session.source), form)
    settings = decisive(line.model, request.max_tokens)
    begun = line.case.begin_draft()
    try:
        answer = listen(line, write(line.model, request))
        origin = origin_of(hashed(line, line.choice), form, settings)
        with undivided():
            ended = line.case.end_draft(begun, answer, origin)
    finally:
        line.case.no_draft(begun)  # if something went wrong on the way
    tell_ended(line, ended)


def tell_ended(line: LineMode, ended: Ended) -> None:
    """Say how the draft ended."""
    for fault in ended.faults:
        line.complain("Note: ", fault)
    if ended.became != "draft":
        before = "the earlier text is back" if line.session.text else "the note is unchanged"
        wrote = "The model wrote nothing" if ended.became == "nothing" else "Not used"
        line.tell(f"{wrote}: {before}")
        return
    read_checked(line)


def hashed(line: LineMode, choice: ModelChoice) -> ModelChoice:
    """The choice with its hashes; without them if they cannot be computed, because the draft exists
    already."""
    try:
        return line.services.hashes_of(choice)
    except (Exception, KeyboardInterrupt) as error:
        line.tell(f"The model's file has no hash in the log: {sayable(error)}")
        return choice


def sayable(error: BaseException) -> str:
    """What may be said of an error: edgemed's own words, else its type and place."""
    return error.message if isinstance(error, EdgemedError | ModelError) else place_of(error)


def listen(line: LineMode, events: Iterator[Event]) -> Answer:
    """The model's answer, and how it ended; shows progress in quarters."""
    answer = Answer()
    try:
        collect(events, teller(line), answer)
    except KeyboardInterrupt:  # the stream has ended itself
        line.say("Stopped. The draft is not complete.")
        answer.interrupted = True
    except Exception as error:  # what was written so far is kept, whatever failed
        if not answer.pieces:
            raise
        line.tell(f"The engine failed: {sayable(error)}")
    return answer


def teller(line: LineMode) -> Callable[[Event], None]:
    """The sentence that says how much of the note is read, or how the draft ended."""
    told = 0.0

    def tell(event: Event) -> None:
        nonlocal told
        if isinstance(event, Prefill) and event.done / max(1, event.total) >= told + QUARTER:
            told = event.done / max(1, event.total)
            line.say(f"Read {told:.0%} of the note.")
        elif isinstance(event, Done) and event.reason == "loop":
            line.say("The model repeats itself; the draft was ended. Take another model.")
        elif isinstance(event, Done) and event.reason != "stop":
            line.say("The draft was cut before its end.")
        elif isinstance(event, Failed):
            line.complain("The engine failed: ", event)

    return tell


def read_checked(line: LineMode) -> None:
    """Check the text if that is still to be done, and read it."""
    read(line, "", told=check(line))


def check(line: LineMode) -> bool:
    """Compare the text with the note if that is still to be done, and say how much was found;
    returns whether that was said."""
    if not line.case.unchecked:
        return False
    line.at, text = 0, line.session.text
    try:
        line.case.reviewed(text, line.services.review(line.session.source, text))
    except Exception as error:  # the text is kept, whatever failed; an error's words could quote it
        where = str(error) if isinstance(error, CheckBroke) else place_of(error)
        line.tell(f"The check failed: {where}", UNCHECKED)
        return False
    said = verdict(line.session)
    line.tell(said.words)
    if said.kind == "unusable":  # any other verdict counts them
        line.tell(f"Findings: {counted(steps.open_findings(line.session)).words}")
    if line.session.review is not None and (lines := line.session.review.vital):
        line.say(f"{TITLE}: {len(lines)} to look at.")
    return True


def read(line: LineMode, rest: str, *, told: bool = False) -> None:
    """read"""
    number, document, origin = line.session.number, line.session.document, line.session.origin
    if len(line.session.documents) > 1 or document.cut or document.signature:
        line.tell(f"Document {number}, {document.name}: {document.state}")
    if origin is not None and origin.demonstration:
        line.tell(steps.DEMONSTRATION)
    said = verdict(line.session)
    if said.kind not in ("none", "signed") and not told:  # a signed document's state says it
        line.tell(said.words)
    for number, row in enumerate(line.session.text.splitlines(), 1):
        line.say(f"{number}: {row}")
