"""`edgemed chat TEXT`: one instruction, one answer, no note and no record."""

import argparse
import sys

from edgemed_models.base import Failed, Message, ModelError, Request

from edgemed.cli.model_options import (
    configure_model,
    explain_if_asked,
    explained,
    options_of,
    positive,
)
from edgemed.cli.stream import close_text, exit_code, follow, tell_failure, timing_line
from edgemed.clinic.note import parse
from edgemed.clinic.summarize import shown
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.local_models.library import find_model
from edgemed.local_models.loading import (
    plan_request,
    settings_for,
    start,
    started_ahead,
    translated,
)
from edgemed.storage.bounded import read_stream

STDIN = "-"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed chat`."""
    add = parser.add_argument
    add("text", metavar="TEXT", help="what to ask; - reads it from standard input")
    add("--system", default="", metavar="TEXT", help="rules to put before it")
    add("--max-tokens", type=positive, default=512, metavar="N", help="the most to write (512)")
    add("--temperature", type=float, default=0.0, metavar="X", help="0 (the default) is greedy")
    add("--seed", type=int, default=0, metavar="N", help="for a temperature above 0")
    configure_model(parser)


def run(args: argparse.Namespace) -> int:
    """Ask and stream the answer. 0: it is complete."""
    if args.temperature < 0:
        raise UsageError("--temperature is below 0", "0 is greedy, 1 draws as the model was made")
    text = read_stream(sys.stdin.buffer, "note", "the text") if args.text == STDIN else args.text
    asked = parse(text).text
    if not asked.strip():
        raise Refused("there is nothing to ask", "give a text")
    system = (Message("system", parse(args.system).text),) if args.system else ()
    request = Request(
        (*system, Message("user", asked)), args.max_tokens, args.temperature, args.seed
    )
    return answer(args, request)


def answer(args: argparse.Namespace, request: Request) -> int:
    """Load the model, stream, say how it ended."""
    path, options = find_model(args.model), options_of(args)
    answer = range(request.max_tokens, request.max_tokens + 1)
    with started_ahead() as process:
        with explained(args):
            plan = plan_request(path, options, request.messages, answer, process)
        explain_if_asked(args, plan)
        model = start(settings_for(path, options, plan), process)
        try:
            outcome = follow(shown(model.generate(request)), sys.stdout)
        except ModelError as error:
            raise translated(error) from None
        finally:
            model.close()
    close_text(outcome, args.max_tokens, "ANSWER")
    if isinstance(outcome.end, Failed):
        tell_failure(outcome.end)
    elif outcome.end is not None:
        print(timing_line(outcome.end.timings), file=sys.stderr)
    if outcome.ending == "length":
        raise EdgemedError(f"the answer was cut at {args.max_tokens} tokens", "raise --max-tokens")
    return exit_code(outcome)
