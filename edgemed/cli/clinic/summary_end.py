"""The end of `edgemed summarize`: the draft is checked, and what was found is printed."""

import argparse
import sys

from edgemed_models.answer import Answer
from edgemed_models.base import Failed
from edgemed_models.engine.client import LlamaModel

from edgemed.amounts import amount
from edgemed.cli.clinic.summary_shown import document, tell_addressed, tell_flags
from edgemed.cli.options.fail_on import FLAGGED, fails
from edgemed.cli.terminal.asking import Asked, as_data, not_asked, tell_looks, tell_revisions
from edgemed.cli.terminal.printing import data, print_json
from edgemed.cli.terminal.stream import close_text, exit_code, is_saved, tell_failure, timing_line
from edgemed.clinic.findings import Review
from edgemed.clinic.note import Note
from edgemed.clinic.reviewing.usable import above
from edgemed.clinic.summarizing.template import Template, readable
from edgemed.errors import EdgemedError
from edgemed.local_models.demonstration import HEADING


def finish(
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    answer: Answer,
    asked: Asked | None,
    limit: int,
) -> int:
    """Print what comes after the stream, and check the draft; the exit code."""
    text = drafted(template, answer)
    checked = show_and_check(args, note, template, answer, limit)
    if args.json:
        whole = document(model, note, template, answer, text, checked)
        if args.demo:
            whole = {"heading": HEADING} | whole
        print_json(whole | (as_data(args, asked, text) if asked else not_asked(args)))
    else:
        tell_addressed(checked, note)
        tell_flags(checked, text)
        tell_looks(asked.looked if asked else [])
        tell_revisions(asked.revisions if asked else [], text)
    if isinstance(answer.end, Failed):
        tell_failure(answer.end, args)
    elif answer.end is not None:
        print(timing_line(answer.end.timings), file=sys.stderr)
    refuse_cut(args, template, answer, limit)
    code = exit_code(answer)
    return FLAGGED if code == 0 and checked and fails(checked, args.fail_on) else code


def show_and_check(
    args: argparse.Namespace, note: Note, template: Template, answer: Answer, limit: int
) -> Review | None:
    """The draft's review. Unless as JSON, the text is printed to its end, before or with it."""
    text = drafted(template, answer)
    if args.json:
        return check_what_stands(note, text, answer)
    if not is_held(template):
        close_text(answer, limit)
        checked = check_what_stands(note, text, answer)
        tell_at_end(checked)
        return checked
    checked = None
    try:
        checked = check_what_stands(note, text, answer)
    finally:  # the draft is printed, whatever becomes of its check
        print_held(text, checked, answer, limit)
    return checked


def refuse_cut(args: argparse.Namespace, template: Template, answer: Answer, limit: int) -> None:
    """The error of a draft that repeats itself, or that ended at its limit."""
    if answer.ending == "loop":
        raise EdgemedError("the draft was stopped: the model repeats itself", "take another model")
    if answer.ending == "length":
        raise EdgemedError(
            f"the draft was cut at {amount(limit, 'token')} and is not complete",
            "raise --max-tokens"
            if args.max_tokens or limit == template.max_tokens
            else "this model has no room for more: choose another, or use --in-parts",
        )


def is_held(template: Template) -> bool:
    """Whether the draft is printed only when it is complete: as lines, or into a file, whose first
    line says if it is not usable."""
    return template.form == "json" or is_saved(sys.stdout)


def print_held(text: str, checked: Review | None, answer: Answer, limit: int) -> None:
    """Print a draft that was held back, below the warning if it is not usable."""
    if checked and checked.unusable:
        print(f"{above(checked.unusable)}\n")
    data().write(text)
    close_text(answer, limit)


def tell_at_end(checked: Review | None) -> None:
    """After a draft that was streamed into a pipe, say there if it is not usable; a terminal shows
    that from stderr."""
    if checked and checked.unusable and not sys.stdout.isatty():
        print(f"[{above(checked.unusable)}]", flush=True)


def drafted(template: Template, answer: Answer) -> str:
    """The draft as it is shown."""
    return readable(template, answer.text) if answer.complete else answer.text


def check_what_stands(note: Note, text: str, answer: Answer) -> Review | None:
    """The review of a draft; None if nothing was written before it broke off, or if the user
    also stopped the check."""
    if not (text.strip() or answer.ending in ("stop", "length", "loop")):
        return None
    try:
        return check(note, text)
    except KeyboardInterrupt:
        if not answer.interrupted:
            raise
        print("check: stopped", file=sys.stderr)
        return None


def check(note: Note, text: str) -> Review:
    """The draft against its note; what checking needs is loaded only now, after the text is out."""
    from edgemed.clinic.reviewing.review import review

    return review(note.text, text)
