"""`edgemed summarize NOTE --template T`: a note becomes a draft, streamed, checked and recorded."""

import argparse
import sys
from pathlib import Path

from edgemed_models.answer import Answer
from edgemed_models.base import ModelError
from edgemed_models.engine.client import LlamaModel
from edgemed_models.engine.process import Process

from edgemed.amounts import amount
from edgemed.cli.clinic.recording import log_for, recorded
from edgemed.cli.clinic.summary_end import drafted, finish, is_held
from edgemed.cli.clinic.summary_shown import tell_about
from edgemed.cli.options.fail_on import add_fail_on
from edgemed.cli.options.models import (
    configure_model,
    explain_if_asked,
    explained,
    options_of,
    take_kept_adapter,
)
from edgemed.cli.options.numbers import positive
from edgemed.cli.options.sampling import sampling_options
from edgemed.cli.terminal.asking import (
    Asked,
    look_again,
    write_again,
)
from edgemed.cli.terminal.printing import data
from edgemed.cli.terminal.stream import (
    follow,
)
from edgemed.clinic.note import Note, read_note, read_piped, refuse_unusable
from edgemed.clinic.summarizing.parts import NotePart, divide, stated, summarize_parts
from edgemed.clinic.summarizing.summarize import (
    Prompt,
    TooLong,
    budget,
    prompt_of,
    request_of,
    write,
)
from edgemed.clinic.summarizing.template import Template, fill
from edgemed.clinic.summarizing.template_files import load_template
from edgemed.errors import Refused, UsageError
from edgemed.gguf import open_model
from edgemed.local_models.demonstration import (
    HEADING,
    LEARNED,
    UNLEARNED,
    is_demonstration,
    limits_of,
)
from edgemed.local_models.library import find_model
from edgemed.local_models.loading import (
    Planned,
    plan_model,
    plan_request,
    settings_for,
    start,
    started_ahead,
    translated,
)
from edgemed.merging.demo_model import merged_model

STDIN = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed summarize`."""
    add = parser.add_argument
    add(
        "note",
        metavar="NOTE",
        help="a text file, or - for standard input (other users can see a file's name)",
    )
    add("--template", required=True, metavar="T", help="see `edgemed templates list`")
    add(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="fill a field of the template, such as section=Allergies",
    )
    add("--max-tokens", type=positive, metavar="N", help="the most tokens of the draft")
    sampling_options(add)
    add("--in-parts", action="store_true", help="draft a note that is too long in parts")
    result_options(parser)
    configure_model(parser)


def result_options(parser: argparse.ArgumentParser) -> None:
    """What is printed, kept and checked."""
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON document when the draft is done")
    add(
        "--keep",
        action="store_true",
        help="also store the note, draft and file name in the log",
    )
    add(
        "--second-look",
        action="store_true",
        help="ask the model where the note states the sentences that the checks do not find",
    )
    add(
        "--revise",
        action="store_true",
        help="suggest rewrites of flagged sentences; the draft is unchanged",
    )
    add_fail_on(parser)
    add("--no-record", action="store_true", help="write nothing to the log")
    add(
        "--demo",
        action="store_true",
        help="use the model that comes with edgemed (not for patients)",
    )


def run(args: argparse.Namespace) -> int:
    """Draft, check, record; the draft is printed before its record can fail.

    0: the draft is complete; 1: it was cut, broken off or not recorded; 3: --fail-on.
    """
    if args.temperature < 0:
        raise UsageError(
            "--temperature is below 0",
            "give 0 (always the likeliest token) or more; 1 samples as the model was trained",
        )
    if args.keep and args.no_record:
        raise UsageError("--keep cannot be combined with --no-record", "leave out one of the two")
    log = log_for(args)
    with started_ahead() as process:
        note = read_piped(sys.stdin.buffer) if args.note == STDIN else read_note(Path(args.note))
        refuse_unusable(note)
        template, path = template_of(args), model_path(args)
        tell_about(note)
        tell_limits(args, path, template)
        prompt = prompt_of(note, template, args.max_tokens)
        with explained(args):
            plan, tokens = plan_for(args, path, prompt, process)
        explain_if_asked(args, plan)
        model = start(settings_for(path, options_of(args), plan), process)
        try:
            limit, parts = how_much(args, model, note, template, prompt, tokens)
            answer = draft(args, model, note, template, prompt, limit, parts)
            asked = ask_again(args, model, note, template, answer)
        finally:
            model.close()
        try:
            code = finish(args, model, note, template, answer, asked, limit)
        finally:
            unrecorded = recorded(log, args, model, note, template, answer, limit)
    return code or unrecorded


def template_of(args: argparse.Namespace) -> Template:
    """The template asked for, its fields filled."""
    given = dict(pair.partition("=")[::2] for pair in args.field)
    return fill(load_template(args.template), given)


def model_path(args: argparse.Namespace) -> Path:
    """The model asked for; a demonstration says first that it is one."""
    if args.demo and args.model:
        raise UsageError(
            "--demo uses its own model and cannot be combined with --model", "leave out --model"
        )
    path = merged_model() if args.demo else find_model(args.model)
    if not args.demo:
        take_kept_adapter(args)
    args.demo = args.demo or is_demonstration(path)
    if args.demo and not args.json:
        print(f"{HEADING}\n", flush=True)
    return path


def tell_limits(args: argparse.Namespace, path: Path, template: Template) -> None:
    """What a demonstration cannot do, before its draft."""
    if limits := limits_of(path):
        print(f"note: {limits}", file=sys.stderr)
    elif args.demo and template.name != LEARNED:
        print(f"note: {UNLEARNED}; --template {LEARNED} is the one it knows", file=sys.stderr)


def plan_for(args: argparse.Namespace, path: Path, prompt: Prompt, process: Process) -> Planned:
    """How to load the model for this note; with --in-parts, as large as fits if it does not."""
    options = options_of(args)
    try:
        return plan_request(path, options, prompt.messages, prompt.answer, process)
    except Refused:
        if not args.in_parts:
            raise
    return Planned(plan_model(open_model(path), options), None)


def how_much(
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    prompt: Prompt,
    tokens: int | None,
) -> tuple[int, tuple[NotePart, ...]]:
    """The most tokens to write, and with --in-parts the parts of a note that does not fit as one.

    Prints both if they differ from what was asked for. `tokens` of the prompt, where known.
    """
    needed = budget(model, prompt, tokens)
    if not needed.fits and not args.in_parts:
        raise TooLong(needed, prompt)
    if needed.fits:
        if needed.answer < template.max_tokens and args.max_tokens is None:
            most = amount(needed.answer, "token")
            told = f"draft: at most {most}, because the model has no room for more"
            print(told, file=sys.stderr)
        return needed.answer, ()
    if template.form == "json":
        raise Refused(
            "a structured template cannot be drafted in parts",
            "choose a template in prose, or a larger --context",
        )
    limit, parts = divide(model, note, template, prompt.answer)
    print("\n".join(stated(parts, limit)), file=sys.stderr)
    return limit, parts


def draft(
    args: argparse.Namespace,
    model: LlamaModel,
    note: Note,
    template: Template,
    prompt: Prompt,
    limit: int,
    parts: tuple[NotePart, ...],
) -> Answer:
    """Stream the draft, in one pass or part by part; text goes to stdout as it comes unless it has
    to be complete first."""
    sampling = {"max_tokens": limit, "temperature": args.temperature, "seed": args.seed}
    echo = None if args.json or is_held(template) else data()
    try:
        if parts:
            return follow(summarize_parts(model, note, template, parts, **sampling), echo)
        return follow(write(model, request_of(prompt, **sampling)), echo)
    except ModelError as error:
        raise translated(error) from None


def ask_again(
    args: argparse.Namespace, model: LlamaModel, note: Note, template: Template, answer: Answer
) -> Asked | None:
    """What the model says about its own draft; None if it is not asked: if the draft broke off,
    or the checks cannot read the note."""
    if note.language == "other" or not answer.complete:
        return None
    asked, text = Asked(), drafted(template, answer)
    if args.second_look:
        look_again(model, note.text, text, asked)
    if args.revise:
        write_again(model, note.text, text, asked)
    return asked
