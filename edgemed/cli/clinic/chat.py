"""`edgemed chat [TEXT]`: one question, one answer; nothing is recorded."""

import argparse
import sys
from pathlib import Path

from edgemed_models.base import Failed, Message, ModelError, Request

from edgemed.amounts import amount
from edgemed.cli.options.models import (
    configure_model,
    explain_if_asked,
    explained,
    options_of,
    take_kept_adapter,
)
from edgemed.cli.options.numbers import positive
from edgemed.cli.options.sampling import sampling_options
from edgemed.cli.terminal.printing import data
from edgemed.cli.terminal.stream import close_text, exit_code, follow, tell_failure, timing_line
from edgemed.clinic.note import parse
from edgemed.clinic.summarizing.summarize import shown
from edgemed.errors import EdgemedError, Refused, UsageError
from edgemed.local_models.library import find_model
from edgemed.local_models.loading import (
    plan_request,
    settings_for,
    start,
    started_ahead,
    translated,
)
from edgemed.storage.bounded import read_bounded, read_stream

STDIN = "-"
HOW_TO_END = "What to ask? End with Ctrl-D on a line of its own (Windows: Ctrl-Z, then Enter)."
CUT = 1023 if sys.platform == "darwin" else 4095  # longest line in bytes that a terminal passes on
SEEN = "on the command line it can be seen by other users and stays in the shell's history"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of `edgemed chat`."""
    add = parser.add_argument
    add(
        "text",
        nargs="?",
        default=STDIN,
        metavar="TEXT",
        help="what to ask; left out or -, it is read from the terminal or a pipe. "
        f"Write nothing about a patient here: {SEEN}",
    )
    rules = parser.add_mutually_exclusive_group().add_argument
    rules("--system", default="", metavar="TEXT", help=f"a system message; {SEEN}")
    rules("--system-file", type=Path, metavar="FILE", help="a system message, from a file")
    add(
        "--max-tokens",
        type=positive,
        default=512,
        metavar="N",
        help="the longest answer, in tokens (default: 512)",
    )
    sampling_options(add)
    configure_model(parser)


def run(args: argparse.Namespace) -> int:
    """Ask and stream the answer. Returns 0 if it is complete."""
    if args.temperature < 0:
        raise UsageError("--temperature is below 0", "give 0 (greedy) or more, such as 1")
    rules = parse(read_rules(args.system_file) if args.system_file else args.system).text
    asked = parse(typed() if args.text == STDIN else args.text).text
    if not asked.strip():
        raise Refused("there is nothing to ask: the text is empty", "give a text")
    system = (Message("system", rules),) if rules else ()
    request = Request(
        (*system, Message("user", asked)), args.max_tokens, args.temperature, args.seed
    )
    return answer(args, request)


def read_rules(path: Path) -> bytes:
    """The system message in a file."""
    try:
        return read_bounded(path, "note", "the system file")
    except OSError as error:
        raise EdgemedError(
            f"cannot read the system file: {error.strerror}", "check the path"
        ) from None


def typed() -> bytes:
    """Standard input to its end. Refuses a line that the terminal may have cut."""
    asking = sys.stdin.isatty()
    if asking:
        print(HOW_TO_END, file=sys.stderr)
    text = read_stream(sys.stdin.buffer, "note", "the text")
    if asking and max(map(len, text.splitlines()), default=0) >= CUT:
        raise Refused(
            f"a line has {CUT:,} bytes, the most that a terminal passes on: it may have been cut",
            "put the text into a file and ask with: edgemed chat < FILE",
        )
    return text


def answer(args: argparse.Namespace, request: Request) -> int:
    """Load the model, stream the answer, report how it ended."""
    path = find_model(args.model)
    take_kept_adapter(args)
    options = options_of(args)
    answer = range(request.max_tokens, request.max_tokens + 1)
    with started_ahead() as process:
        with explained(args):
            plan, _ = plan_request(path, options, request.messages, answer, process)
        explain_if_asked(args, plan)
        model = start(settings_for(path, options, plan), process)
        try:
            outcome = follow(shown(model.generate(request)), data())
        except ModelError as error:
            raise translated(error) from None
        finally:
            model.close()
    close_text(outcome, args.max_tokens, "ANSWER")
    if isinstance(outcome.end, Failed):
        tell_failure(outcome.end, args)
    elif outcome.end is not None:
        print(timing_line(outcome.end.timings), file=sys.stderr)
    if outcome.ending == "length":
        raise EdgemedError(
            f"the answer was cut at {amount(args.max_tokens, 'token')}", "raise --max-tokens"
        )
    return exit_code(outcome)
